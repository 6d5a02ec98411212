"""The gradient in coordinates that are centred on the data: the same model, better steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from harmonium.errors import unknown_name
from harmonium.gradients.closed_form import Statistics
from harmonium.rbm import RBM
from harmonium.sampling import GibbsState

COORDINATES = ("centered", "enhanced", "plain", "standardized")
"""The coordinates in which the gradient may be taken."""

RATE = 0.01
"""How fast the moving averages over the hidden units follow."""

FLOOR = 0.05
"""Added to variances: a unit that hardly ever changes would else take steps without bound."""


class Frame(NamedTuple):
    """Coordinates: x' = (x - offset) / sqrt(variance) for the units of both layers.

    Attributes
    ----------
    visible, hidden : Tensor, shape (n,), (m,)
        The offsets.
    visible_variance, hidden_variance : Tensor, optional
        None where the units keep their scale.
    """

    visible: Tensor
    hidden: Tensor
    visible_variance: Tensor | None = None
    hidden_variance: Tensor | None = None


@torch.no_grad()
def reframe(rbm: RBM, frame: Frame) -> None:
    r"""Turn each ``.grad`` into the step that steepest descent takes in other coordinates, in place.

        dW_ij = ( g_ij - a_i db_j - dc_i b_j ) / (s_i^2 t_j^2)
        dc_i  = dc_i / s_i^2 - sum_j dW_ij b_j,      db_j = db_j / t_j^2 - sum_i a_i dW_ij

    with offsets a, b and variances s^2, t^2 of the frame, for the energy written in x' = (x - offset) / deviation. The
    model remains the plain RBM: a frame changes the direction of a step, never the distribution.

    Parameters
    ----------
    rbm : RBM
        With gradients of `write_gradient`; both layers have a parameter ``bias``.
    frame : Frame

    Notes
    -----
    Sources: Montavon & Mueller 2012, "Deep Boltzmann machines and the centering trick"; Melchior, Fischer & Wiskott
    2016, "How to center deep Boltzmann machines", section 3.
    """
    biases = (layer.get_parameter("bias") for layer in (rbm.visible, rbm.hidden))
    weights, visible, hidden = (parameter.grad for parameter in (rbm.weights, *biases))
    assert weights is not None
    assert visible is not None
    assert hidden is not None
    weights.addr_(frame.visible, hidden, alpha=-1).addr_(visible, frame.hidden, alpha=-1)
    if frame.visible_variance is not None and frame.hidden_variance is not None:
        weights /= frame.visible_variance[:, None] * frame.hidden_variance
        visible /= frame.visible_variance
        hidden /= frame.hidden_variance
    visible -= weights @ frame.hidden
    hidden -= frame.visible @ weights


class Coordinates(Protocol):
    """Says in which frame each step is taken."""

    def init(self, rbm: RBM, mean: Tensor, variance: Tensor) -> dict[str, Tensor]:
        """Return what is kept from update to update, from the moments (n,) of the training data."""

    def frame(
        self, rbm: RBM, kept: dict[str, Tensor], states: GibbsState, data: Statistics, model: Statistics
    ) -> tuple[Frame | None, dict[str, Tensor]]:
        """Return the frame of this step, and what is kept for the next."""


@dataclass(frozen=True)
class Plain:
    """The gradient as it is."""

    def init(self, rbm: RBM, mean: Tensor, variance: Tensor) -> dict[str, Tensor]:
        """Keep nothing."""
        return {}

    def frame(
        self, rbm: RBM, kept: dict[str, Tensor], states: GibbsState, data: Statistics, model: Statistics
    ) -> tuple[None, dict[str, Tensor]]:
        """Return no frame."""
        return None, kept


@dataclass(frozen=True)
class Centered:
    """Offsets: the means of the data, and a moving average of the hidden units' activity on the data."""

    def init(self, rbm: RBM, mean: Tensor, variance: Tensor) -> dict[str, Tensor]:
        """Keep the data's means, and begin the average at the hidden means that these send up."""
        visible = mean.to(rbm.weights)
        return {"visible": visible, "hidden": rbm.hidden.mean(rbm.hidden_field(visible)).detach()}

    def frame(
        self, rbm: RBM, kept: dict[str, Tensor], states: GibbsState, data: Statistics, model: Statistics
    ) -> tuple[Frame, dict[str, Tensor]]:
        """Return both offsets, the average moved on."""
        hidden = torch.lerp(kept["hidden"], data.hidden["bias"], RATE)
        return Frame(kept["visible"], hidden), {**kept, "hidden": hidden}


@dataclass(frozen=True)
class Enhanced:
    """Offsets halfway between the means under data and model: the enhanced gradient (Cho, Raiko & Ilin 2011)."""

    def init(self, rbm: RBM, mean: Tensor, variance: Tensor) -> dict[str, Tensor]:
        """Keep nothing."""
        return {}

    def frame(
        self, rbm: RBM, kept: dict[str, Tensor], states: GibbsState, data: Statistics, model: Statistics
    ) -> tuple[Frame, dict[str, Tensor]]:
        """Return the offsets of this update."""
        layers = (data.visible, model.visible), (data.hidden, model.hidden)
        return Frame(*(torch.lerp(of_data["bias"], of_model["bias"], 0.5) for of_data, of_model in layers)), kept


@dataclass(frozen=True)
class Standardized:
    """Offsets as for `Centered`, and scales.

    The variance of a hidden unit is a moving average of E[Var(h | v)] + Var(E[h | v]), the law of total variance, which
    has no noise of sampling.
    """

    def init(self, rbm: RBM, mean: Tensor, variance: Tensor) -> dict[str, Tensor]:
        """Keep the data's moments, and those of the hidden units that their means send up."""
        kept = Centered().init(rbm, mean, variance)
        spread = rbm.hidden.variance(rbm.hidden_field(kept["visible"])).detach()
        return {**kept, "visible_variance": variance.to(rbm.weights) + FLOOR, "hidden_variance": spread + FLOOR}

    def frame(
        self, rbm: RBM, kept: dict[str, Tensor], states: GibbsState, data: Statistics, model: Statistics
    ) -> tuple[Frame, dict[str, Tensor]]:
        """Return offsets and variances, the averages moved on."""
        spread = rbm.hidden.variance(states.hidden_field).mean(0) + data.outer.hidden.var(0, correction=0) + FLOOR
        moved = {
            "hidden": torch.lerp(kept["hidden"], data.hidden["bias"], RATE),
            "hidden_variance": torch.lerp(kept["hidden_variance"], spread, RATE),
        }
        kept = {**kept, **moved}
        return Frame(**kept), kept


def make_coordinates(name: str) -> Coordinates:
    """Return the coordinates of that name.

    Raises
    ------
    InputError
        When the name is unknown.
    """
    if name not in COORDINATES:
        raise unknown_name("kind of gradient", name, COORDINATES)
    kinds: dict[str, type[Coordinates]] = {
        "centered": Centered,
        "enhanced": Enhanced,
        "plain": Plain,
        "standardized": Standardized,
    }
    return kinds[name]()
