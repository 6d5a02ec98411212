"""The path of models between a base that is known and the model that is not."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from harmonium.errors import InputError
from harmonium.packed import packed_if_faster
from harmonium.rbm import RBM
from harmonium.units import Units, make_units


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
        self.rbm = packed_if_faster(rbm)
        self.base = base

    def base_log_partition(self) -> float:
        """log Z of the base: the sum of the two layers' own."""
        return independent_log_partition(self.base)

    def sample_base(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw independent states (count, n) from the base."""
        return self.base.visible.sample(self.rbm.weights.new_zeros(count, self.rbm.visible.size), generator)

    def at(self, beta: float) -> Level:
        """Return the model of the path at beta, as it stands now."""
        visible = self.rbm.visible.interpolate(self.base.visible, beta)
        return Level(float(beta), visible, self.rbm.hidden.interpolate(self.base.hidden, beta))

    def step(self, field: Tensor, level: Level, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Move chains by one Gibbs sweep at a level, from their fields W^T v; returns v' and W^T v'."""
        return self.rbm.sweep_between(field, (level.visible, level.hidden), level.beta, generator=generator)

    def step_levels(self, field: Tensor, levels: list[Level], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Move chains at several levels by one sweep each: (levels, chains, m) -> (levels, chains, n) and their fields.

        The products with the weights are taken for all levels at once.
        """
        tops = [level.sample_hidden(own, generator) for level, own in zip(levels, field, strict=True)]
        upward = self.rbm.visible_field(torch.stack(tops))
        bottoms = [level.sample_visible(own, generator) for level, own in zip(levels, upward, strict=True)]
        visible = torch.stack(bottoms)
        return visible, self.rbm.hidden_field(visible)


class Level(NamedTuple):
    """One model of a path: its inverse temperature and its two layers, with fields given at beta = 1."""

    beta: float
    visible: Units
    hidden: Units

    def free_energy(self, visible: Tensor, field: Tensor) -> Tensor:
        """F_beta(v) from v and the model's field W^T v: (chains, n), (chains, m) -> (chains,), float64."""
        return self.visible.energy(visible).double() - self.hidden.log_partition(self.beta * field).double()

    def sample_hidden(self, field: Tensor, generator: torch.Generator) -> Tensor:
        """H ~ P_beta(h | v) from the model's field W^T v: (chains, m) -> (chains, m)."""
        return self.hidden.sample(self.beta * field, generator)

    def sample_visible(self, field: Tensor, generator: torch.Generator) -> Tensor:
        """V ~ P_beta(v | h) from the model's field W h: (chains, n) -> (chains, n)."""
        return self.visible.sample(self.beta * field, generator)


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
    layers = (rbm.visible, rbm.hidden)
    visible_units, hidden_units = (make_units(layer.family, layer.size).to(rbm.weights) for layer in layers)
    cases = len(visible)
    visible_units.match_moments(visible.mean(0).to(rbm.weights), visible.var(0, correction=0).to(rbm.weights), cases)
    hidden_units.match_moments(mean.mean(0), spread, cases)
    return RBM(visible_units, hidden_units, weights=torch.zeros_like(rbm.weights))
