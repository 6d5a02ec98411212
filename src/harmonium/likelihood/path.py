"""The path of models between a base that is known and the model that is not."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.errors import InputError
from harmonium.rbm import RBM


class GeometricPath:
    r"""The models P_beta(v, h) proportional to P_base^(1 - beta) P^beta, for beta from 0 to 1.

    Each is the RBM ``rbm.interpolate(base, beta)``. As the base has no weights, the fields of all of them are beta
    times those of the model, so that one product with the weights serves a state at every beta.

    Parameters
    ----------
    rbm : RBM
        The model, at beta = 1.
    base : RBM, optional
        The model at beta = 0, of the same families and sizes and with zero weights; by default the model itself without
        its weights.

    Raises
    ------
    InputError
        When the base has weights or another shape, or a parameter is not finite.

    Notes
    -----
    Source: Neal 2001, "Annealed importance sampling", section 2; Salakhutdinov & Murray 2008, section 4.
    """

    def __init__(self, rbm: RBM, base: RBM | None = None) -> None:
        base = independent(rbm) if base is None else base
        if base.weights.shape != rbm.weights.shape:
            raise InputError(
                f"the base has weights of shape {tuple(base.weights.shape)}, the model {tuple(rbm.weights.shape)}"
            )
        if base.weights.any():
            raise InputError("the base of annealing must have zero weights, since its log Z must be known")
        rbm.check_finite()
        self.rbm = rbm
        self.base = base

    def base_log_partition(self) -> float:
        """log Z of the base: the sum of the two layers' own."""
        return independent_log_partition(self.base)

    def sample_base(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw independent states (count, n) from the base."""
        return self.base.visible.sample(self.rbm.weights.new_zeros(count, self.rbm.visible.size), generator)

    def free_energy(self, visible: Tensor, field: Tensor, beta: float) -> Tensor:
        """F_beta(v) from v and the model's field W^T v: (runs, n), (runs, m) -> (runs,), float64."""
        own = self.rbm.visible.interpolate(self.base.visible, beta).energy(visible)
        hidden = self.rbm.hidden.interpolate(self.base.hidden, beta)
        return own.double() - hidden.log_partition(beta * field).double()

    def log_ratio(self, visible: Tensor, field: Tensor, beta: float, previous: float) -> Tensor:
        """F_previous(v) - F_beta(v), by which a weight grows between two models: (runs,), float64."""
        return self.free_energy(visible, field, previous) - self.free_energy(visible, field, beta)

    def step(self, field: Tensor, beta: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Move by one Gibbs sweep under P_beta; returns v' and its field W^T v'."""
        hidden = self.rbm.hidden.interpolate(self.base.hidden, beta).sample(beta * field, generator)
        visible_units = self.rbm.visible.interpolate(self.base.visible, beta)
        visible = visible_units.sample(beta * self.rbm.visible_field(hidden), generator)
        return visible, self.rbm.hidden_field(visible)


def independent(rbm: RBM) -> RBM:
    """Return the model without its weights; it shares the layers."""
    return RBM(rbm.visible, rbm.hidden, weights=torch.zeros_like(rbm.weights))


@torch.no_grad()
def independent_log_partition(rbm: RBM) -> float:
    """Return log Z of a model without weights."""
    zeros = [rbm.weights.new_zeros(layer.size) for layer in (rbm.visible, rbm.hidden)]
    return float(rbm.visible.log_partition(zeros[0]).double() + rbm.hidden.log_partition(zeros[1]).double())


@torch.no_grad()
def base_of_states(rbm: RBM, visible: Tensor) -> RBM:
    """Return a base without weights in which every unit of either layer has the moments that it has on some states.

    With the base rates of the training data annealing starts nearest to the model (Salakhutdinov & Murray 2008,
    section 4.1). Matching the hidden units too is to annealing what centering is to learning: without it, the biases of
    hidden units that were trained against strong fields stand alone at small beta, and the path makes a detour.

    Parameters
    ----------
    rbm : RBM
        The model.
    visible : Tensor, shape (cases, n)
        Training examples, or samples of the model.
    """
    field = rbm.hidden_field(visible.to(rbm.weights))
    mean = rbm.hidden.mean(field)
    spread = rbm.hidden.variance(field).mean(0) + mean.var(0, correction=0)  # the law of total variance
    visible_units, hidden_units = (type(layer)(layer.size).to(rbm.weights) for layer in (rbm.visible, rbm.hidden))
    cases = len(visible)
    visible_units.match_moments(visible.mean(0).to(rbm.weights), visible.var(0, correction=0).to(rbm.weights), cases)
    hidden_units.match_moments(mean.mean(0), spread, cases)
    return RBM(visible_units, hidden_units, weights=torch.zeros_like(rbm.weights))
