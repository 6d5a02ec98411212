"""From the log-weights of annealing runs to values, errors and bounds."""

from __future__ import annotations

import math

import numpy as np
from scipy import optimize, special, stats

BLOCKS = 10
"""Into how many blocks the runs are divided for a bound."""


def log_mean_exp(x: np.ndarray) -> float:
    """log of the mean of exp(x)."""
    return float(special.logsumexp(x) - math.log(len(x)))


def effective_sample_size(log_weights: np.ndarray) -> float:
    """(sum w)^2 / sum w^2: how many equally weighted runs would be as good (Kong 1992)."""
    return float(np.exp(2 * special.logsumexp(log_weights) - special.logsumexp(2 * log_weights)))


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
    return float(values.mean() - stats.t.ppf(confidence, len(values) - 1) * error)


def upper_bound(log_weights: np.ndarray, confidence: float = 0.99) -> float:
    """Return the mirror image of `lower_bound`, for runs backward from the model.

    Their 1/w average to Z_base / Z, so -log w takes the part of log w. It holds as far as the runs started at the
    model's distribution.
    """
    return -lower_bound(-log_weights, confidence)


def bennett_ratio(forward: np.ndarray, backward: np.ndarray) -> float:
    r"""Return Bennett's acceptance ratio: the estimate of log(Z / Z_base) from runs of both directions.

    L solves  sum_f 1 / (1 + exp(M + L - x_f)) = sum_b 1 / (1 + exp(x_b - L - M)),  M = log(n_f / n_b),
    for log-weights x, the minimum-variance combination of both (Bennett 1976; Shirts, Bair, Hooker & Pande 2003).
    """
    offset = math.log(len(forward) / len(backward))

    def imbalance(value: float) -> float:
        ups = special.expit(forward - value - offset).sum()
        downs = special.expit(value + offset - backward).sum()
        return float(ups - downs)

    every = np.concatenate([forward, backward])
    low, high = every.min() - abs(offset) - 50, every.max() + abs(offset) + 50
    return float(optimize.brentq(imbalance, low, high, xtol=1e-10))


def bennett_error(forward: np.ndarray, backward: np.ndarray, resamples: int = 200) -> float:
    """Return the bootstrap standard error of `bennett_ratio`, with a fixed seed."""
    generator = np.random.default_rng(0)
    values = [
        bennett_ratio(generator.choice(forward, len(forward)), generator.choice(backward, len(backward)))
        for _ in range(resamples)
    ]
    return float(np.std(values, ddof=1))
