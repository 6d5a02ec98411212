"""The exact model term, for models small enough to sum or integrate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from harmonium.exact import enumerable_side, is_finite, joint_normal, layer_states
from harmonium.exact.enumeration import check_count
from harmonium.gradients.closed_form import Outer, Statistics, state_statistics
from harmonium.rbm import RBM
from harmonium.sampling import GibbsState, gibbs


@dataclass(frozen=True)
class Exact:
    """The model term without sampling: every state of the smaller finite layer, weighted with its probability.

    Of a Gaussian-Gaussian model, 2n points stand for the integral: they have the mean and the covariance of v, and no
    statistic of that model is of more than second order in v.
    """

    def init(self, rbm: RBM, generator: torch.Generator) -> None:
        """Return None: no chain persists. Raise `InputError` now if the model is too large to be summed."""
        if is_finite(rbm.visible) or is_finite(rbm.hidden):
            check_count(enumerable_side(rbm).visible)
        else:
            joint_normal(rbm)

    def model_statistics(
        self, rbm: RBM, data: GibbsState, state: None, generator: torch.Generator
    ) -> tuple[Statistics, None]:
        """Return the exact model term; data, state and generator play no part."""
        return exact_model_statistics(rbm), None

    def restored(self, rbm: RBM, tensors: dict[str, Tensor]) -> None:
        """Return None."""
        return


@torch.no_grad()
def exact_model_statistics(rbm: RBM) -> Statistics:
    """Return the average of -dE/dparameter under P(v, h) itself.

    Raises
    ------
    InputError
        When no layer is finite with at most 2^20 states and the model is not Gaussian-Gaussian.
    """
    if not (is_finite(rbm.visible) or is_finite(rbm.hidden)):
        return state_statistics(rbm, _sigma_points(rbm))
    side = enumerable_side(rbm)
    states = gibbs.init(side, layer_states(side.visible))
    probability = torch.softmax(-side.free_energy_from_field(*states), 0)
    statistics = state_statistics(side, states, probability)
    if side is rbm:
        return statistics
    # The weights of the cases belong to the visible states of the model, which are the means of the other side.
    outer = Outer(statistics.outer.hidden * probability[:, None], states.visible, 1.0, weighted=True)
    return statistics.mirror()._replace(outer=outer)


def _sigma_points(rbm: RBM) -> GibbsState:
    """Return visible states whose mean and covariance are those of v in a Gaussian-Gaussian model.

    mean +- sqrt(n) times each column of the Cholesky factor of the covariance (Julier & Uhlmann 1997).
    """
    joint, n = joint_normal(rbm), rbm.visible.size
    factor = math.sqrt(n) * torch.linalg.cholesky(joint.covariance[:n, :n]).T
    return gibbs.init(rbm, joint.mean[:n] + torch.cat([factor, -factor]))
