"""How the model term of the gradient is estimated: exactly, or by contrastive divergence of two kinds."""

from harmonium.gradients.centering import COORDINATES, Coordinates, Frame, make_coordinates, reframe
from harmonium.gradients.closed_form import Statistics, state_statistics, write_gradient
from harmonium.gradients.contrastive_divergence import ContrastiveDivergence
from harmonium.gradients.exact import Exact, exact_model_statistics
from harmonium.gradients.methods import METHODS, Estimator, make_estimator
from harmonium.gradients.persistent import PersistentContrastiveDivergence

__all__ = [
    "COORDINATES",
    "METHODS",
    "ContrastiveDivergence",
    "Coordinates",
    "Estimator",
    "Exact",
    "Frame",
    "PersistentContrastiveDivergence",
    "Statistics",
    "exact_model_statistics",
    "make_coordinates",
    "make_estimator",
    "reframe",
    "state_statistics",
    "write_gradient",
]
