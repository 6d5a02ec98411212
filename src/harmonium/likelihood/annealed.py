"""The log-partition from annealing in both directions, with a bracket, and a search for what annealing missed."""

from __future__ import annotations

import copy
import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from harmonium.errors import InputError
from harmonium.likelihood.annealing import Annealed, Progress, anneal, anneal_back
from harmonium.likelihood.bounds import (
    bennett_error,
    bennett_ratio,
    effective_sample_size,
    log_mean_exp,
    lower_bound,
    upper_bound,
)
from harmonium.likelihood.estimates import LogPartition
from harmonium.likelihood.modes import around, find_modes
from harmonium.likelihood.path import GeometricPath, base_of_states
from harmonium.likelihood.spacing import adaptive_spacing
from harmonium.rbm import RBM
from harmonium.sampling import gibbs

SMALL = 200_000
"""Models of fewer weights are annealed in float64, which costs little there."""

MODE_CHAINS = 32
"""Chains around each mode that is checked."""

CONFIDENCE = 2.58
"""Standard errors that the bracket reaches beyond the value at least: 99 % of a normal distribution."""

RELEVANT, EXCESS, WIDE = 4.0, 3.0, 2.0
"""In nats: how far below log Z the mass of a mode that matters may lie; how much more than the common starts the
backward runs from it may give; and the width of a bracket from which on a warning is due."""


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
    Backward
    runs bound it from above, on the assumption that their starts are samples of the model; these are the ends of the
    forward runs, resampled by their weights and moved by `burn_in` Gibbs steps. Bennett's ratio combines both to the
    value. If forward runs missed a mode, then so did those starts, and both bounds would agree on a wrong value. So
    modes
    are searched for (`harmonium.likelihood.modes`), and from each, one more lower bound is annealed from a base of
    its own
    and one more set of backward runs is started. Where these contradict the bracket it is widened and a warning says
    so.

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
        Called `count_steps(...)` times.

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
    starts = equilibrated(rbm, forward, burn_in, generator)
    backward = anneal_back(path, betas, starts, generator, progress)
    ups, downs = forward.log_weights.cpu().numpy(), backward.log_weights.cpu().numpy()
    origin = path.base_log_partition()
    known = starts[:64] if examples is None else torch.cat([starts[:64], examples[:64]])
    modes = _check_modes(path, betas, known, starts, generator, progress)
    return _assemble(origin, ups, downs, modes, temperatures)


@torch.no_grad()
def _base_of_samples(rbm: RBM, generator: torch.Generator) -> RBM:
    """Return a base with the moments of short free chains of the model, where nothing is known of its data."""
    state = gibbs.init_from_noise(rbm, 200, generator)
    for _ in range(100):
        state = gibbs.step(rbm, state, generator)
    return base_of_states(rbm, state.visible)


def count_steps(temperatures: int, modes: int = 8) -> int:
    """Return how often `annealed_log_partition` calls its `progress` at the most."""
    return (2 + 2 * modes) * (temperatures - 1)


@torch.no_grad()
def equilibrated(rbm: RBM, forward: Annealed, steps: int, generator: torch.Generator) -> Tensor:
    """Return approximate samples of the model: ends of forward runs, resampled by weight, after some Gibbs steps."""
    weights = torch.softmax(forward.log_weights, 0)
    # Systematic resampling: one uniform number, the least noise.
    positions = (torch.arange(len(weights), dtype=torch.float64) + torch.rand(1, generator=generator).double()) / len(
        weights
    )
    chosen = torch.searchsorted(weights.cumsum(0), positions).clamp_(max=len(weights) - 1)
    state = gibbs.init(rbm, forward.visible[chosen])
    for _ in range(steps):
        state = gibbs.step(rbm, state, generator)
    return state.visible


class _Mode(NamedTuple):
    """What annealing from one mode says of log Z: a local lower estimate, and how far backward runs disagree."""

    local: float
    excess: float


def _check_modes(
    path: GeometricPath,
    betas: np.ndarray,
    known: Tensor,
    starts: Tensor,
    generator: torch.Generator,
    progress: Progress | None,
) -> list[_Mode]:
    """Anneal to and from every mode that the search finds.

    Backward runs that start within a mode m estimate log Z + log(Z_m / Z) - log P(a forward run ends in m): log Z
    itself
    if forward runs end there as often as they should, and much more if they hardly ever do. They are compared with
    backward runs of the same length from the common starts, so that what a coarse path dissipates cancels.
    """
    coarse = np.unique(np.append(betas[:: max(1, len(betas) // 500)], 1.0))
    chosen = starts[torch.randperm(len(starts), generator=generator)[:MODE_CHAINS]]
    reference = _backward_estimate(path, coarse, chosen, generator, progress)
    found = []
    for mode in find_modes(path, known, generator):
        ends, seen = around(path.rbm, mode, MODE_CHAINS, 200, generator)
        local = GeometricPath(path.rbm, base_of_states(path.rbm, seen))
        runs = anneal(local, np.linspace(0, 1, max(50, len(coarse) // 2)), MODE_CHAINS, generator, progress)
        estimate = local.base_log_partition() + log_mean_exp(runs.log_weights.cpu().numpy())
        excess = _backward_estimate(path, coarse, ends, generator, progress) - reference
        found.append(_Mode(estimate - path.base_log_partition(), excess))
    return found


def _backward_estimate(
    path: GeometricPath, betas: np.ndarray, starts: Tensor, generator: torch.Generator, progress: Progress | None
) -> float:
    backward = anneal_back(path, betas, starts, generator, progress)
    return -log_mean_exp(-backward.log_weights.cpu().numpy())


def _assemble(origin: float, ups: np.ndarray, downs: np.ndarray, modes: list[_Mode], temperatures: int) -> LogPartition:
    """Put value, error, bounds, diagnostics and warnings together; all log-weights are relative to `origin`."""
    size = effective_sample_size(ups)
    value = bennett_ratio(ups, downs)
    # Both directions share the chance by which the forward runs fell into modes: the error is no less than theirs.
    error = max(bennett_error(ups, downs), math.sqrt(max(0.0, 1 / size - 1 / len(ups))))
    lower = min(lower_bound(ups), value - CONFIDENCE * error)
    upper = max(upper_bound(downs), value + CONFIDENCE * error)
    warnings = []
    missed = [mode for mode in modes if mode.local > value - RELEVANT and mode.excess > EXCESS]
    missed += [mode for mode in modes if mode.local > value + max(1.0, 4 * error) and mode not in missed]
    if missed:
        local = max(mode.local for mode in missed)
        worst = max(mode.excess for mode in missed)
        upper = max(upper, local, value) + max(worst, 1.0)
        value = float(np.logaddexp(value, local))
        warnings.append(
            f"annealing misses a mode that holds much of the probability (runs from there disagree by "
            f"{worst:.1f} nats): do "
            "not trust the value beyond the bracket, which was widened; try more temperatures or another base"
        )
    if size < max(10.0, 0.02 * len(ups)):
        warnings.append(
            f"only {size:.1f} of {len(ups)} forward runs count (effective sample size): use more temperatures"
        )
    if upper - lower > WIDE and not missed:
        warnings.append(f"the bracket is {upper - lower:.1f} nats wide: use more temperatures")
    if missed:
        error = max(error, (upper - lower) / 4)
    diagnostics: dict[str, Any] = {
        "forward": origin + log_mean_exp(ups),
        "backward": origin - log_mean_exp(-downs),
        "effective_sample_size": size,
        "runs": len(ups),
        "temperatures": temperatures,
        "modes": len(modes),
    }
    return LogPartition(origin + value, error, origin + lower, origin + upper, "ais", diagnostics, tuple(warnings))
