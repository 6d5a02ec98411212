"""Annealed importance sampling, forward from the base and backward from the model."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from harmonium.sampling.path import GeometricPath

Progress = Callable[[], None]
"""Called after every temperature."""


class Annealed(NamedTuple):
    """What a set of annealing runs gave.

    Attributes
    ----------
    log_weights : Tensor, shape (runs,), float64
        Log of each run's weight, an estimate of log(Z / Z_base), in nats.
    visible : Tensor, shape (runs, n)
        Where the runs ended.
    """

    log_weights: Tensor
    visible: Tensor


@torch.no_grad()
def anneal(
    path: GeometricPath,
    betas: np.ndarray,
    runs: int,
    generator: torch.Generator,
    progress: Progress | None = None,
) -> Annealed:
    r"""Run annealed importance sampling forward, all runs as one batch.

        v_0 ~ P_base;   for k = 1..K:  log w += F_{k-1}(v_{k-1}) - F_k(v_{k-1}),   v_k ~ T_k(v_{k-1}, .)

    T_k is a Gibbs sweep under P_k. The mean of w is an unbiased estimate of Z / Z_base, so that E[log w] <=
    log(Z / Z_base) and, for the mean over any number of runs, P(log mean w > log(Z / Z_base) + b) <= exp(-b) by
    Markov's inequality.

    Parameters
    ----------
    path : GeometricPath
    betas : ndarray
        Rising from 0 to 1.
    runs : int
        How many runs.
    generator : torch.Generator
    progress : callable, optional
        Called after every temperature.

    Returns
    -------
    Annealed

    Notes
    -----
    Source: Neal 2001, section 2; Salakhutdinov & Murray 2008, section 4.
    """
    visible = path.sample_base(runs, generator)
    field = path.rbm.hidden_field(visible)
    log_weights = torch.zeros(runs, dtype=torch.float64, device=visible.device)
    for previous, level in itertools.pairwise(path.at(beta) for beta in betas):
        log_weights += previous.free_energy(visible, field) - level.free_energy(visible, field)
        visible, field = path.step(field, level, generator)
        if progress is not None:
            progress()
    return Annealed(log_weights, visible)


@torch.no_grad()
def anneal_back(
    path: GeometricPath,
    betas: np.ndarray,
    visible: Tensor,
    generator: torch.Generator,
    progress: Progress | None = None,
) -> Annealed:
    r"""Run the same path backward from states of the model.

        v_K ~ P;   for k = K..1:  v_{k-1} ~ T_k(v_k, .),   log w += F_{k-1}(v_{k-1}) - F_k(v_{k-1})

    A Gibbs sweep seen on v alone is reversible, so T_k is its own reversal, and if the start is distributed as P, the
    mean of 1/w is an unbiased estimate of Z_base / Z. Then E[log w] >= log(Z / Z_base): the bound of the other side
    (Grosse, Ghahramani & Adams 2015, section 3). It is only as good as the start.

    Parameters
    ----------
    path, betas, generator, progress
        As for `anneal`; the betas still rise from 0 to 1.
    visible : Tensor, shape (runs, n)
        States of the model at beta = 1.

    Returns
    -------
    Annealed
    """
    field = path.rbm.hidden_field(visible)
    log_weights = torch.zeros(len(visible), dtype=torch.float64, device=visible.device)
    for level, previous in itertools.pairwise(path.at(beta) for beta in reversed(betas)):
        visible, field = path.step(field, level, generator)
        log_weights += previous.free_energy(visible, field) - level.free_energy(visible, field)
        if progress is not None:
            progress()
    return Annealed(log_weights, visible)
