"""log Z carried from one model to another near it, by annealing both ways: between checkpoints of training."""

from __future__ import annotations

import copy
import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from harmonium.likelihood.bounds import bennett_ratio
from harmonium.packed import packed_if_faster
from harmonium.rbm import RBM
from harmonium.sampling import gibbs

PARTICLES, GROUPS = 400, 10
"""How many states stand for a model, and in how many groups they are looked at for the standard error."""

STRIDE = 0.5
"""The largest deviation of the works that one level should bring, in nats."""

MOST = 400
"""More levels between two models would make a measurement wait."""

SWEEPS, SETTLING = 2, 10
"""Gibbs sweeps at each level between two models, and of states that come to a model from chains of training."""


class Milestone(NamedTuple):
    """A model whose log Z is known.

    Attributes
    ----------
    model : RBM
    visible : Tensor, shape (PARTICLES, n)
        Samples of it.
    value : float
        Its log Z, in nats.
    variance : float
        The variance of that.
    """

    model: RBM
    visible: Tensor
    value: float
    variance: float


@torch.no_grad()
def carry(last: Milestone, rbm: RBM, chains: Tensor, generator: torch.Generator) -> tuple[float, float]:
    r"""Return log Z of a model, and its standard error, from a milestone near it.

        log(Z_new / Z_last) by Bennett's ratio of works forward, from states of the last model, and backward, from
        states of the new one, annealed through models evenly spaced on the line between the parameters of both

    Parameters
    ----------
    last : Milestone
        It and the model should overlap, as a checkpoint of trajectory tempering and the model that still exchanges
        states with it do.
    rbm : RBM
        The model.
    chains : Tensor, shape (chains, n)
        States near its equilibrium, such as chains of training that sample a model with nearly these parameters.
    generator : torch.Generator

    Notes
    -----
    Sources: Bennett 1976; the works of annealing in both directions, Crooks 2000.
    """
    first, new = packed_if_faster(last.model), packed_if_faster(copy.deepcopy(rbm).requires_grad_(False))
    here = _settled(new, chains, generator)
    there = torch.cat([last.visible, here])
    spread = float((first.free_energy(there) - new.free_energy(there)).view(2, PARTICLES).std(1).max())
    levels = max(1, min(MOST, math.ceil(spread / STRIDE)))
    works = (
        _works(first, new, last.visible, levels, generator),
        -_works(new, first, here, levels, generator),
    )
    groups = [bennett_ratio(works[0][k::GROUPS], works[1][k::GROUPS]) for k in range(GROUPS)]
    variance = last.variance + float(np.var(groups, ddof=1)) / GROUPS
    return last.value + bennett_ratio(*works), math.sqrt(variance)


def cost(levels: int) -> int:
    """Return about how many products of a case with the weights so many levels take."""
    return PARTICLES * (2 * SETTLING + 8 + 2 * (levels - 1) * (2 * SWEEPS + 1))


def _settled(rbm: RBM, chains: Tensor, generator: torch.Generator) -> Tensor:
    """Return states of the model from chains of training: some of them, or several from each."""
    copies = math.ceil(PARTICLES / len(chains))
    order = torch.cat([torch.randperm(len(chains), generator=generator, device=chains.device) for _ in range(copies)])
    return gibbs.walk(rbm, gibbs.init(rbm, chains[order[:PARTICLES]]), SETTLING, generator).visible


def _works(first: RBM, second: RBM, visible: Tensor, levels: int, generator: torch.Generator) -> np.ndarray:
    """Anneal from one model to another; return each particle's sum of F_{k-1}(v) - F_k(v), float64."""
    works = torch.zeros(len(visible), dtype=torch.float64, device=visible.device)
    before = first.free_energy(visible)
    for k in range(1, levels):
        between = packed_if_faster(second.interpolate(first, k / levels).requires_grad_(False))
        state = gibbs.init(between, visible)
        works += (before - between.free_energy_from_field(*state)).double()
        state = gibbs.walk(between, state, SWEEPS, generator)
        visible, before = state.visible, between.free_energy_from_field(*state)
    works += (before - second.free_energy(visible)).double()
    return works.cpu().numpy()
