"""The log-partition from annealing in both directions, with a bracket, and a search for what annealing missed."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harmonium.errors import InputError
from harmonium.likelihood.annealing import Annealed, Progress, anneal, anneal_back
from harmonium.likelihood.bounds import effective_sample_size, log_mean_exp
from harmonium.likelihood.bracket import Bracket
from harmonium.likelihood.bridge import Bridge, bridge, trajectory_bridge
from harmonium.likelihood.estimates import LogPartition
from harmonium.likelihood.missed import COARSE, Mode, check_modes
from harmonium.likelihood.spacing import adaptive_spacing
from harmonium.rbm import RBM
from harmonium.sampling import GeometricPath, base_of_states, gibbs
from harmonium.sampling.path import independent_log_partition

SMALL = 200_000
"""Models of fewer weights are annealed in float64, which costs little there."""

LADDERS = 20
"""Independent tempered ladders."""


def annealed_log_partition(
    rbm: RBM,
    generator: torch.Generator,
    *,
    base: RBM | None = None,
    examples: Tensor | None = None,
    runs: int = 500,
    temperatures: int = 2000,
    burn_in: int = 1000,
    progress: Progress | None = None,
) -> LogPartition:
    r"""Estimate log Z by annealed importance sampling in both directions.

    Forward runs from the base bound log Z from below: in expectation by Jensen's inequality, whatever the model.
    Backward runs bound it from above, on the assumption that their starts are samples of the model; these are the ends
    of the forward runs, resampled by their weights and moved by `burn_in` Gibbs steps. Bennett's ratio combines both to
    the value. If forward runs missed a mode, then so did those starts, and both bounds would agree on a wrong value. So
    there are two checks. Tempered ladders estimate log Z on their own (`harmonium.likelihood.bridge`). And modes are
    searched for (`harmonium.likelihood.modes`): from each, one more lower bound is annealed from a base of its own and
    one more set of backward runs is started. Where these contradict the bracket it is widened and a warning says so.

    Parameters
    ----------
    rbm : RBM
        The model.
    generator : torch.Generator
        The source of all randomness.
    base : RBM, optional
        A model with zero weights, best with the base rates of the training data; by default one
        with the moments of short free chains.
    examples : Tensor, shape (cases, n), optional
        Data: more places where the search for modes starts.
    runs : int
        Runs in each direction, at least 20.
    temperatures : int
        How many models the path has, both ends included.
    burn_in : int
        Gibbs steps between the forward and the backward runs.
    progress : callable, optional
        Called at the most `count_annealing(temperatures)` times.

    Returns
    -------
    LogPartition
        ``lower`` lies below log Z with 99 % confidence on top of Jensen's gap (`bounds.lower_bound`); ``upper`` above
        it with the same, as far as the assumption holds.

    Raises
    ------
    InputError
        When a parameter is not finite, the base does not fit, or there are too few runs or temperatures.

    Notes
    -----
    Sources: Neal 2001; Salakhutdinov & Murray 2008, section 4; Grosse, Ghahramani & Adams 2015, section 3; Bennett
    1976.
    """
    if runs < 20:
        raise InputError(f"runs is {runs}, but a bracket needs at least 20")
    if temperatures < 2:
        raise InputError(f"temperatures is {temperatures}, but annealing needs at least 2: its base and the model")
    if rbm.weights.numel() < SMALL:
        rbm, base = copy.deepcopy(rbm).double(), None if base is None else copy.deepcopy(base).double()
        examples = None if examples is None else examples.double()
    path = GeometricPath(rbm, _base_of_samples(rbm, generator) if base is None else base)
    betas = adaptive_spacing(path, temperatures, generator)
    forward = anneal(path, betas, runs, generator, progress)
    starts, ancestors = equilibrated(path.rbm, forward, burn_in, generator)
    backward = anneal_back(path, betas, starts, generator, progress)
    ups, downs = forward.log_weights.cpu().numpy(), backward.log_weights.cpu().numpy()
    ladders = bridge(path, generator, ladders=LADDERS, steps=_ladder_steps(temperatures), progress=progress)
    known = [starts[:64], ladders.visible[:: max(1, len(ladders.visible) // 64)]]
    known += [] if examples is None else [examples[:64]]
    modes = check_modes(path, betas, torch.cat(known), starts, generator, progress)
    bracket = Bracket.of_runs(ups, downs, ancestors.cpu().numpy())
    return _assemble(path.base_log_partition(), ups, downs, bracket, ladders, modes, temperatures)


@torch.no_grad()
def _base_of_samples(rbm: RBM, generator: torch.Generator) -> RBM:
    """Return a base with the moments of short free chains of the model, where nothing is known of its data."""
    state = gibbs.walk(rbm, gibbs.init_from_noise(rbm, 200, generator), 100, generator)
    return base_of_states(rbm, state.visible)


def with_trajectory(
    partition: LogPartition,
    models: Sequence[RBM],
    generator: torch.Generator,
    steps: int = 500,
    progress: Progress | None = None,
) -> LogPartition:
    """Return the estimate with one more beside it, from the models that training met; widened where they disagree.

    Parameters
    ----------
    partition : LogPartition
        What annealing gave.
    models : sequence of RBM
        From one without weights to the model itself (`harmonium.likelihood.bridge.trajectory_bridge`).
    generator : torch.Generator
    steps : int
        Of every ladder.
    progress : callable, optional
        Called after every one of the `steps`.
    """
    origin = independent_log_partition(models[0])
    found = trajectory_bridge(models, generator, ladders=LADDERS, steps=steps, progress=progress)
    bracket = Bracket(
        partition.value - origin,
        partition.standard_error,
        partition.lower - origin,
        partition.upper - origin,
        list(partition.warnings),
    )
    bracket.check_bridge(found)
    more = {"trajectory": origin + found.value, "trajectory_standard_error": found.standard_error}
    return replace(
        partition,
        standard_error=bracket.error,
        lower=origin + bracket.lower,
        upper=origin + bracket.upper,
        diagnostics=partition.diagnostics | more,
        warnings=tuple(bracket.warnings),
    )


def count_annealing(temperatures: int, modes: int = 8) -> int:
    """Return how often `annealed_log_partition` calls its `progress` at the most."""
    coarse = min(temperatures, 2 * COARSE)  # what `check_modes` takes, at the most
    return 2 * (temperatures - 1) + _ladder_steps(temperatures) + coarse + modes * (coarse + max(50, coarse // 2))


def _ladder_steps(temperatures: int) -> int:
    """Return the steps of the tempered ladders: half as many as temperatures, from 200 to 1,000."""
    return min(1000, max(200, temperatures // 2))


@torch.no_grad()
def equilibrated(rbm: RBM, forward: Annealed, steps: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return approximate samples of the model: ends of forward runs, resampled by weight, after some Gibbs steps.

    The second of the two says which run each descends from.
    """
    weights = torch.softmax(forward.log_weights, 0)
    # Systematic resampling: one uniform number, the least noise.
    shift = torch.rand(1, generator=generator).double()
    positions = (torch.arange(len(weights), dtype=torch.float64) + shift) / len(weights)
    chosen = torch.searchsorted(weights.cumsum(0), positions).clamp_(max=len(weights) - 1)
    state = gibbs.walk(rbm, gibbs.init(rbm, forward.visible[chosen]), steps, generator)
    return state.visible, chosen


def _assemble(
    origin: float,
    ups: np.ndarray,
    downs: np.ndarray,
    found: Bracket,
    ladders: Bridge,
    modes: list[Mode],
    temperatures: int,
) -> LogPartition:
    """Put value, error, bounds, diagnostics and warnings together; all log-weights are relative to `origin`."""
    found.check_modes(modes)
    found.check_bridge(ladders)
    found.check_runs(ups)
    diagnostics: dict[str, Any] = {
        "forward": origin + float(log_mean_exp(ups)),
        "backward": origin - float(log_mean_exp(-downs)),
        "bridge": origin + ladders.value,
        "bridge_standard_error": ladders.standard_error,
        "swap_rate": float(ladders.swap_rates.min()),
        "round_trips": ladders.round_trips,
        "effective_sample_size": effective_sample_size(ups),
        "runs": len(ups),
        "temperatures": temperatures,
        "modes": len(modes),
    }
    lower, upper = origin + found.lower, origin + found.upper
    return LogPartition(origin + found.value, found.error, lower, upper, "ais", diagnostics, tuple(found.warnings))
