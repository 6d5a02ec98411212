"""log Z carried along a sequence of models, as training makes them: from each to the next by annealing both ways."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from harmonium.likelihood.bounds import bennett_ratio
from harmonium.packed import packed_if_faster
from harmonium.rbm import RBM
from harmonium.sampling import GibbsState, gibbs
from harmonium.sampling.path import independent_log_partition

PARTICLES, GROUPS = 400, 10
"""How many states stand for a model, and in how many groups they are looked at for the standard error."""

STRIDE = 0.5
"""The largest deviation of the works that one level should bring, in nats."""

MOST = 400
"""More levels between two models would make a measurement wait."""

SWEEPS, SETTLING, ALONE = 2, 10, 100
"""Gibbs sweeps at each level between two models; of states that come to a model from chains of training; and of those
that come from the last model, where training has no chains near equilibrium."""


@dataclass(frozen=True)
class TrailState:
    """How far log Z is known.

    Attributes
    ----------
    model : RBM
        The last model, a copy.
    visible : Tensor, shape (PARTICLES, n)
        States of it.
    value : float
        Its log Z, in nats.
    variance : float
        The variance of that.
    """

    model: RBM
    visible: Tensor
    value: float
    variance: float

    @property
    def error(self) -> float:
        """The standard error of log Z."""
        return math.sqrt(self.variance)

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor by a name."""
        return {"visible": self.visible} | {f"model.{name}": part for name, part in self.model.state_dict().items()}

    def numbers(self) -> dict[str, float]:
        """Return what is no tensor."""
        return {"value": self.value, "variance": self.variance}

    def restored(self, tensors: dict[str, Tensor], numbers: dict[str, float]) -> TrailState:
        """Return the state of these, for a model of the same kind."""
        model = copy.deepcopy(self.model)
        model.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
        return TrailState(model, tensors["visible"].to(model.weights.device), numbers["value"], numbers["variance"])


@torch.no_grad()
def init(base: RBM, generator: torch.Generator) -> TrailState:
    """Start at a model without weights, whose samples are independent and whose log Z is known."""
    field = base.weights.new_zeros(PARTICLES, base.visible.size)
    return TrailState(copy.deepcopy(base), base.visible.sample(field, generator), independent_log_partition(base), 0.0)


@torch.no_grad()
def step(
    state: TrailState, rbm: RBM, generator: torch.Generator, chains: Tensor | None = None
) -> tuple[TrailState, int]:
    r"""Go on from the last model to this one; return the state there, and how many levels lie between.

        log(Z_new / Z_last) by Bennett's ratio of works forward, from states of the last model, and backward, from
        states of the new one, annealed through models evenly spaced on the line between the parameters of both

    The states of the new model are chains of training after a few more sweeps: they are near its equilibrium as far as
    training keeps them there, and what they still lag behind, they lag in both directions of the work. Without chains
    the states that arrive from the last model go on.

    Parameters
    ----------
    state : TrailState
    rbm : RBM
        The model as it is now, of the same kind; it is copied.
    generator : torch.Generator
    chains : Tensor, shape (chains, n), optional
        Where the chains of training stand.

    Notes
    -----
    Sources: Bennett 1976; the works of annealing in both directions, Crooks 2000.
    """
    last, new = packed_if_faster(state.model), packed_if_faster(copy.deepcopy(rbm).requires_grad_(False))
    here = _settled(new, chains, generator) if chains is not None else None
    there = state.visible if here is None else torch.cat([state.visible, here])
    spread = float((last.free_energy(there) - new.free_energy(there)).view(-1, PARTICLES).std(1).max())
    levels = max(1, min(MOST, math.ceil(spread / STRIDE)))
    forward, arrived = _walk(last, new, state.visible, levels, generator)
    if here is None:
        here = _move(new, gibbs.init(new, arrived), ALONE, generator).visible
    backward, _ = _walk(new, last, here, levels, generator)
    works = forward.cpu().numpy(), -backward.cpu().numpy()
    groups = [bennett_ratio(works[0][k::GROUPS], works[1][k::GROUPS]) for k in range(GROUPS)]
    variance = state.variance + float(np.var(groups, ddof=1)) / GROUPS
    return TrailState(copy.deepcopy(rbm), here, state.value + bennett_ratio(*works), variance), levels


def cost(levels: int, with_chains: bool = True) -> int:
    """Return about how many products of a case with the weights a step of so many levels takes."""
    sweeps = SETTLING if with_chains else ALONE
    return PARTICLES * (2 * sweeps + 8 + 2 * (levels - 1) * (2 * SWEEPS + 1))


def _settled(rbm: RBM, chains: Tensor, generator: torch.Generator) -> Tensor:
    """Return states of the model from chains of training: some of them, or several from each."""
    copies = math.ceil(PARTICLES / len(chains))
    order = torch.cat([torch.randperm(len(chains), generator=generator, device=chains.device) for _ in range(copies)])
    return _move(rbm, gibbs.init(rbm, chains[order[:PARTICLES]]), SETTLING, generator).visible


def _move(rbm: RBM, state: GibbsState, sweeps: int, generator: torch.Generator) -> GibbsState:
    for _ in range(sweeps):
        state = gibbs.step(rbm, state, generator)
    return state


def _walk(first: RBM, second: RBM, visible: Tensor, levels: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Anneal from one model to another; return each particle's sum of F_{k-1}(v) - F_k(v), float64, and its end."""
    works = torch.zeros(len(visible), dtype=torch.float64, device=visible.device)
    before = first.free_energy(visible)
    for k in range(1, levels):
        between = packed_if_faster(second.interpolate(first, k / levels).requires_grad_(False))
        state = gibbs.init(between, visible)
        works += (before - between.free_energy_from_field(*state)).double()
        state = _move(between, state, SWEEPS, generator)
        visible, before = state.visible, between.free_energy_from_field(*state)
    return works + (before - second.free_energy(visible)).double(), visible
