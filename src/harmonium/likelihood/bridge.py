"""log Z from a ladder of models, neighbour by neighbour: a check that owes nothing to annealing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from harmonium.likelihood.annealing import Progress
from harmonium.likelihood.bounds import bennett_ratio
from harmonium.likelihood.spacing import adaptive_spacing
from harmonium.rbm import RBM
from harmonium.sampling import GeometricPath, TemperedState, Tempering, Trajectory
from harmonium.sampling.tempering import equalised

LEVELS = (4, 48)
"""The least and the most levels of a ladder."""

GROUPS = 10
"""Into how many groups the ladders are divided for the standard error."""

TUNING = (50, 100)
"""Steps of the two rounds that place the temperatures."""

MORE = 50
"""How many states of the model each ladder hands on, evenly spaced over the second half of its steps."""


class Bridge(NamedTuple):
    """What the ladders gave.

    Attributes
    ----------
    value : float
        The estimate of log(Z / Z_base), in nats.
    standard_error : float
        From the spread between groups of independent ladders.
    swap_rates : ndarray, shape (levels - 1,)
        Mean acceptance of each pair of neighbours.
    round_trips : int
        Journeys from the model to the base and back, over all ladders.
    visible : Tensor, shape (ladders * MORE, n)
        States of the model, those of one ladder together.
    """

    value: float
    standard_error: float
    swap_rates: np.ndarray
    round_trips: int
    visible: Tensor


@torch.no_grad()
def bridge(
    path: GeometricPath,
    generator: torch.Generator,
    *,
    ladders: int = 20,
    steps: int = 1000,
    progress: Progress | None = None,
) -> Bridge:
    r"""Estimate log(Z / Z_base) by Bennett's acceptance ratio between the neighbours of tempered ladders.

        log(Z / Z_base) = sum_k log(Z_{k+1} / Z_k),   each term from  F_k - F_{k+1}  at states of both levels

    The ladders start at the base and are tuned first: their temperatures are moved until all pairs exchange alike, and
    there are about two levels for every rejection on the way from end to end, which makes the journeys shortest (Syed,
    Bouchard-Côté, Deligiannidis & Doucet 2022, section 3.5). A fifth of the steps is then left out as burn-in.

    Parameters
    ----------
    path : GeometricPath
        From the base to the model.
    generator : torch.Generator
    ladders : int
        Independent ladders, at least 2.
    steps : int
        Steps after the tuning.
    progress : callable, optional
        Called after every one of the `steps`.

    Returns
    -------
    Bridge

    Notes
    -----
    Source: Bennett 1976; for a whole ladder, Shirts & Chodera 2008.
    """
    tempering, state = _tuned(path, ladders, generator)
    return _along(tempering, state, steps, generator, progress)


@torch.no_grad()
def trajectory_bridge(
    models: Sequence[RBM],
    generator: torch.Generator,
    *,
    ladders: int = 20,
    steps: int = 1000,
    progress: Progress | None = None,
) -> Bridge:
    r"""Estimate log(Z / Z_first) by Bennett's acceptance ratio between models that training met.

        log(Z / Z_first) = sum_k log(Z_{k+1} / Z_k),   each term from  F_k - F_{k+1}  at states of both models

    Parameters
    ----------
    models : sequence of RBM
        From one without weights to the model, as `Run.ladder` returns them.
    generator, ladders, steps, progress
        As for `bridge`.

    Notes
    -----
    Source: Bereux, Decelle, Furtlehner & Seoane 2025, section 4.3, with Bennett's ratio in place of annealing.
    """
    trajectory = Trajectory(models)
    return _along(trajectory, trajectory.init(ladders, generator), steps, generator, progress)


def _along(
    tempering: Tempering | Trajectory,
    state: TemperedState,
    steps: int,
    generator: torch.Generator,
    progress: Progress | None,
) -> Bridge:
    """Take the steps; return what the works between neighbours and the states of the last model say."""
    pairs, ladders = state.levels.shape[0] - 1, state.levels.shape[1]
    works: list[list[Tensor]] = [[] for _ in range(pairs)]
    tops = []
    for step in range(steps):
        attempted = tempering.pairs(state.steps)
        state = tempering.step(state, generator)
        if step >= steps // 5:
            for place, pair in enumerate(attempted.tolist()):
                works[pair].append(state.works[:, place])
        if step >= steps // 2:
            tops.append(state.visible)
        if progress is not None:
            progress()
    every = [torch.stack(series, 1).cpu().numpy() for series in works]  # (2, times, ladders) of each pair
    value, error = _sum_of_ratios(every, ladders)
    chosen = np.unique(np.linspace(0, len(tops) - 1, MORE).astype(int))
    visible = torch.stack([tops[k] for k in chosen], 1).flatten(0, 1)
    return Bridge(value, error, state.swap_rates, state.round_trips, visible)


def _tuned(path: GeometricPath, ladders: int, generator: torch.Generator) -> tuple[Tempering, TemperedState]:
    """Return ladders with temperatures that exchange alike, and a state to go on from."""
    betas = adaptive_spacing(path, 24, generator)
    tempering = Tempering(path, betas)
    state = tempering.init(ladders, generator)
    for steps in TUNING:
        for _ in range(steps):
            state = tempering.step(state, generator)
        rejections = float((1 - state.swap_rates).sum())
        count = int(np.clip(math.ceil(2 * rejections) + 1, *LEVELS))
        betas = equalised(tempering.betas, state.swap_rates, count)
        nearest = np.abs(betas[:, None] - tempering.betas).argmin(1)
        tempering = Tempering(path, betas)
        state = tempering.init_from(state.levels[torch.as_tensor(nearest)])
    return tempering, state


def _sum_of_ratios(works: list[np.ndarray], ladders: int) -> tuple[float, float]:
    """Add Bennett's ratios of all pairs, for all ladders together and for groups of them."""
    groups = np.array_split(np.arange(ladders), min(GROUPS, ladders))
    sums = np.array([sum(_ratio(pair[:, :, group]) for pair in works) for group in groups])
    value = sum(_ratio(pair) for pair in works)
    return float(value), float(sums.std(ddof=1) / math.sqrt(len(sums)))


def _ratio(works: np.ndarray) -> float:
    """log(Z_{k+1} / Z_k) from (2, times, ladders) works F_k - F_{k+1} at states of level k and of level k + 1."""
    return bennett_ratio(works[0].ravel(), works[1].ravel())
