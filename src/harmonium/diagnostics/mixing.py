"""How well chains mix: autocorrelation time and R-hat."""

from __future__ import annotations

import numpy as np
import scipy  # its parts are imported when first used: they take most of a second

from harmonium.errors import InputError

WINDOW = 5.0
"""The sum over lags ends where the lag exceeds this many autocorrelation times."""


def autocorrelation_time(series: np.ndarray) -> float:
    r"""Return the integrated autocorrelation time, in steps: how many steps are worth one independent sample.

        tau = 1 + 2 sum_{t >= 1} rho(t)

    The autocorrelation rho is averaged over the chains, about the mean of all of them, so that chains that stay in
    different places count as correlated. The sum is cut at the first lag of at least 5 tau, since the tail is noise.

    Parameters
    ----------
    series : ndarray, shape (steps, chains)
        One number of each chain after every step, such as its free energy; at least 4 steps.

    Returns
    -------
    float
        At least about 1; infinite where nothing ever changes. An estimate of more than a fiftieth of the steps is
        uncertain, and most likely too low.

    Raises
    ------
    InputError
        When there are fewer than 4 steps.

    Notes
    -----
    Source: Sokal 1996, "Monte Carlo methods in statistical mechanics", section 3.
    """
    steps = _count(series)
    centred = series - series.mean()
    variance = centred.var()
    if variance == 0:
        return float("inf")
    spectrum = np.abs(np.fft.rfft(centred, 2 * steps, axis=0)) ** 2
    covariance = np.fft.irfft(spectrum, axis=0)[:steps].mean(1) / np.arange(steps, 0, -1)
    times = 2 * np.cumsum(covariance / variance) - 1
    enough = np.arange(steps) >= WINDOW * times
    return float(times[np.argmax(enough)] if enough.any() else times[-1])


def r_hat(series: np.ndarray) -> float:
    r"""Return the rank-normalised split R-hat: how much wider all chains together are than one chain by itself.

    Each chain is cut into halves, and all values are replaced by normal scores of their ranks. With the variance W
    within and the variance B / n between the halves of n steps,

        R = sqrt( ((n - 1) / n W + B / n) / W )

    Parameters
    ----------
    series : ndarray, shape (steps, chains)
        As for `autocorrelation_time`.

    Returns
    -------
    float
        1 where all chains tell the same; more than 1.01 means that they have not run long enough to be alike.

    Raises
    ------
    InputError
        When there are fewer than 4 steps.

    Notes
    -----
    Source: Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021, "Rank-normalization, folding, and localization: an
    improved R-hat", sections 3 and 4.
    """
    half = _count(series) // 2
    halves = np.concatenate([series[:half], series[-half:]], axis=1)
    ranks = scipy.stats.rankdata(halves).reshape(halves.shape)
    scores = scipy.stats.norm.ppf((ranks - 0.375) / (halves.size + 0.25))
    within = scores.var(0, ddof=1).mean()
    between = scores.mean(0).var(ddof=1)
    if within == 0:
        return 1.0 if between == 0 else float("inf")
    return float(np.sqrt(((half - 1) / half * within + between) / within))


def _count(series: np.ndarray) -> int:
    if series.ndim != 2 or len(series) < 4:
        raise InputError(f"a series has the shape (steps, chains) with at least 4 steps, not {series.shape}")
    return len(series)
