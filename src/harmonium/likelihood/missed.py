"""Did annealing miss a mode? Runs to and from every mode that a search finds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from harmonium.likelihood.annealing import Progress, anneal, anneal_back
from harmonium.likelihood.bounds import log_mean_exp, lower_bound
from harmonium.likelihood.modes import around, find_modes
from harmonium.sampling import GeometricPath, base_of_states

CHAINS = 32
"""Chains around each mode."""

RESAMPLES = 100

COARSE = 500
"""About how many temperatures these runs have at the most."""


class Mode(NamedTuple):
    """What annealing from one mode says.

    Attributes
    ----------
    local : float
        An estimate of log(Z / Z_base) by forward runs from a base made for that mode: a lower bound in expectation.
    lower : float
        Its `bounds.lower_bound`: a single run of great weight cannot lift it.
    excess : float
        By how much backward runs from that mode exceed those from the common starts, in nats.
    error : float
        Standard error of the excess, from resampling the runs.
    """

    local: float
    lower: float
    excess: float
    error: float


def coarser(betas: np.ndarray) -> np.ndarray:
    """Return about every so many of the betas, with the last."""
    return np.unique(np.append(betas[:: max(1, len(betas) // COARSE)], 1.0))


def check_modes(
    path: GeometricPath,
    betas: np.ndarray,
    known: Tensor,
    starts: Tensor,
    generator: torch.Generator,
    progress: Progress | None,
) -> list[Mode]:
    """Anneal to and from every mode that the search finds.

    Backward runs that start within a mode m estimate log Z + log(Z_m / Z) - log P(a forward run ends in m): log Z
    itself if forward runs end there as often as they should, and much more if they hardly ever do. They are compared
    with backward runs of the same length from the common starts, so that what a coarse path dissipates cancels.

    Parameters
    ----------
    path : GeometricPath
    betas : ndarray
        Those of the annealing that is checked.
    known : Tensor, shape (cases, n)
        States that the search starts from, beside its own.
    starts : Tensor, shape (runs, n)
        The common starts of backward runs.
    generator : torch.Generator
    progress : callable, optional
        Called after every temperature.
    """
    coarse = coarser(betas)
    chosen = starts[torch.randperm(len(starts), generator=generator)[:CHAINS]]
    reference = anneal_back(path, coarse, chosen, generator, progress).log_weights.cpu().numpy()
    found = []
    for mode in find_modes(path, known, generator):
        ends, seen = around(path.rbm, mode, CHAINS, 200, generator)
        local = GeometricPath(path.rbm, base_of_states(path.rbm, seen))
        runs = anneal(local, np.linspace(0, 1, max(50, len(coarse) // 2)), CHAINS, generator, progress)
        downs = anneal_back(path, coarse, ends, generator, progress).log_weights.cpu().numpy()
        shift, weights = local.base_log_partition() - path.base_log_partition(), runs.log_weights.cpu().numpy()
        value = shift + float(log_mean_exp(weights))
        found.append(Mode(value, shift + lower_bound(weights), *_excess(downs, reference)))
    return found


def _excess(downs: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """Return by how much one set of backward runs exceeds another, and its standard error."""
    generator = np.random.default_rng(0)
    again = [[generator.choice(x, len(x)) for x in (downs, reference)] for _ in range(RESAMPLES)]
    of_downs, of_reference = (log_mean_exp(-np.stack(x)) for x in zip(*again, strict=True))
    return float(log_mean_exp(-reference) - log_mean_exp(-downs)), float(np.std(of_reference - of_downs))
