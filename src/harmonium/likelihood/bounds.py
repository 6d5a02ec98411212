"""From the log-weights of annealing runs to values, errors and bounds."""

from __future__ import annotations

import math

import numpy as np
import scipy  # its parts are imported when first used: they take most of a second

BLOCKS = 10
"""Into how many blocks the runs are divided for a bound."""


def log_mean_exp(x: np.ndarray) -> np.ndarray:
    """log of the mean of exp(x): (..., runs) -> (...)."""
    mean: np.ndarray = scipy.special.logsumexp(x, axis=-1) - math.log(x.shape[-1])
    return mean


def effective_sample_size(log_weights: np.ndarray) -> float:
    """(sum w)^2 / sum w^2: how many equally weighted runs would be as good (Kong 1992)."""
    return float(np.exp(2 * scipy.special.logsumexp(log_weights) - scipy.special.logsumexp(2 * log_weights)))


def lower_bound(log_weights: np.ndarray, confidence: float = 0.99) -> float:
    r"""Return a number that is below log(Z / Z_base) with about the given confidence.

    The runs are divided into blocks of B. For each, E[log mean w] <= log(Z / Z_base) by Jensen's inequality, whatever
    the model, and the gap shrinks with B (Burda, Grosse & Salakhutdinov 2016, theorem 1). The bound is the mean over
    the blocks less Student's t times its standard error, so that it errs with probability 1 - confidence *on top of*
    the Jensen gap, as far as the block values are near normal; skewed to the left as they are, this is on the safe
    side.

    Parameters
    ----------
    log_weights : ndarray, shape (runs,)
        At least 2.
    confidence : float
        One-sided.
    """
    blocks = np.array_split(log_weights, min(BLOCKS, len(log_weights)))
    values = np.array([log_mean_exp(block) for block in blocks])
    error = values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean() - scipy.stats.t.ppf(confidence, len(values) - 1) * error)


def upper_bound(log_weights: np.ndarray, confidence: float = 0.99) -> float:
    """Return the mirror image of `lower_bound`, for runs backward from the model.

    Their 1/w average to Z_base / Z, so -log w takes the part of log w. It holds as far as the runs started at the
    model's distribution.
    """
    return -lower_bound(-log_weights, confidence)


def bennett_ratio(
    forward: np.ndarray,
    backward: np.ndarray,
    forward_counts: np.ndarray | None = None,
    backward_counts: np.ndarray | None = None,
) -> float:
    r"""Return Bennett's acceptance ratio: the estimate of log(Z / Z_base) from runs of both directions.

    L solves  sum_f 1 / (1 + exp(M + L - x_f)) = sum_b 1 / (1 + exp(x_b - L - M)),  M = log(n_f / n_b),
    for log-weights x, the minimum-variance combination of both (Bennett 1976; Shirts, Bair, Hooker & Pande 2003).

    Parameters
    ----------
    forward, backward : ndarray
        Log-weights.
    forward_counts, backward_counts : ndarray, optional
        How often each counts; once by default.
    """
    forward_counts = np.ones(len(forward)) if forward_counts is None else forward_counts
    backward_counts = np.ones(len(backward)) if backward_counts is None else backward_counts
    offset = math.log(forward_counts.sum() / backward_counts.sum())

    def imbalance(value: float) -> float:
        ups = forward_counts @ scipy.special.expit(forward - value - offset)
        downs = backward_counts @ scipy.special.expit(value + offset - backward)
        return float(ups - downs)

    every = np.concatenate([forward, backward])
    low, high = every.min() - abs(offset) - 50, every.max() + abs(offset) + 50
    return float(scipy.optimize.brentq(imbalance, low, high, xtol=1e-10))


def bennett_error(forward: np.ndarray, backward: np.ndarray, ancestors: np.ndarray, resamples: int = 200) -> float:
    """Return the bootstrap standard error of `bennett_ratio`, with a fixed seed.

    Forward runs are drawn anew with replacement, and a backward run counts as often as the forward run that it
    descends from was drawn: both share the chance by which forward runs fell into modes. Where no descendant is left,
    the forward runs stand alone.

    Parameters
    ----------
    forward, backward : ndarray
        Log-weights.
    ancestors : ndarray of int
        For each backward run, the forward run from whose end it started.
    """
    generator = np.random.default_rng(0)
    values = []
    for _ in range(resamples):
        counts = np.bincount(generator.integers(len(forward), size=len(forward)), minlength=len(forward)).astype(float)
        # Within one ancestor's descendants the runs are drawn anew too, or those of a lone ancestor would seem exact.
        again = generator.multinomial(len(backward), np.full(len(backward), 1 / len(backward)))
        descended = counts[ancestors] * again
        if descended.sum() > 0:
            values.append(bennett_ratio(forward, backward, counts, descended))
        else:
            values.append(float(log_mean_exp(np.repeat(forward, counts.astype(int)))))
    return float(np.std(values, ddof=1))
