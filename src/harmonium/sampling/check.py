"""Is a sampler right? Chains that start at the model's exact distribution must keep it."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import scipy  # its parts are imported when first used: they take most of a second
import torch
from torch import Tensor

from harmonium.errors import InputError
from harmonium.exact import exact_samples, is_finite, layer_states
from harmonium.rbm import RBM


class Kernel(Protocol):
    """What `check_kernel` expects of a sampler: the module `harmonium.sampling.gibbs` is one."""

    def init(self, rbm: RBM, visible: Tensor) -> Any:
        """Return the state of chains that stand at `visible` (chains, n); it has an attribute `visible`."""

    def step(self, rbm: RBM, state: Any, generator: torch.Generator | None) -> Any:
        """Return the state after one step."""


class KernelCheck(NamedTuple):
    """What `check_kernel` found.

    Attributes
    ----------
    passed : bool
        Whether the sampler kept the distribution and moved.
    p_value : float
        The probability of a departure as large as the observed one if the sampler is right.
    false_alarm_rate : float
        The bound that `p_value` was held against: how often a correct sampler fails.
    moved : float
        The share of chains that stand elsewhere than at the start. A sampler that stays where it is keeps every
        distribution, so 0 fails.
    """

    passed: bool
    p_value: float
    false_alarm_rate: float
    moved: float


@torch.no_grad()
def check_kernel(
    kernel: Kernel,
    rbm: RBM,
    generator: torch.Generator,
    *,
    chains: int = 20_000,
    steps: int = 5,
    false_alarm_rate: float = 1e-4,
) -> KernelCheck:
    r"""Test that a sampler leaves P(v) invariant: the stationarity test.

    Chains are started at independent samples from exactly P(v) and moved by `steps` steps of the kernel. If the kernel
    is right, the null hypothesis "the chains are distributed as P(v)" is true, and is tested: with a finite visible
    layer by a chi-square test of the counts of all states (rare ones pooled), otherwise by two-sample
    Kolmogorov-Smirnov tests against fresh exact samples along every axis and as many random directions, with
    Bonferroni's correction.

    Parameters
    ----------
    kernel : Kernel
        An object or module with ``init(rbm, visible)`` and ``step(rbm, state, generator)``.
    rbm : RBM
        A model that can be enumerated (at most 2^20 states in its smaller finite layer; a finite visible layer at
        most 2^20 too), or one with Gaussian units on both sides. Strong couplings show more than weak ones.
    generator : torch.Generator
        The source of all randomness; a fixed seed makes the check repeatable.
    chains : int
        How many chains; the smallest departure that shows goes as 1 / sqrt(chains).
    steps : int
        How many steps each takes; a wrong kernel drifts further from P(v) with each.
    false_alarm_rate : float
        The probability with which a correct sampler is to fail.

    Returns
    -------
    KernelCheck

    Raises
    ------
    InputError
        When the model has no exact distribution to compare with, or a count is not positive.

    Examples
    --------
    >>> from harmonium.sampling import gibbs
    >>> from harmonium.units import Bernoulli
    >>> rbm = RBM(Bernoulli(4), Bernoulli(3), weights=torch.linspace(-2, 2, 12).reshape(4, 3))
    >>> check_kernel(gibbs, rbm, torch.Generator().manual_seed(0), chains=2000).passed
    True

    Notes
    -----
    The idea, to test a Markov chain from exact draws: Geweke 2004, "Getting it right"; Gandy & Scott 2020, "Unit
    testing for MCMC".
    """
    if chains < 100 or steps < 1:
        raise InputError(f"the check needs at least 100 chains and 1 step, not {chains} and {steps}")
    start = exact_samples(rbm, chains, generator)
    state = kernel.init(rbm, start)
    for _ in range(steps):
        state = kernel.step(rbm, state, generator)
    end = state.visible
    moved = float((end != start).any(-1).double().mean())
    if not torch.isfinite(end).all():
        return KernelCheck(False, 0.0, false_alarm_rate, moved)
    if is_finite(rbm.visible):
        p_value = _chi_square_p_value(rbm, end)
    else:
        p_value = _directions_p_value(end, exact_samples(rbm, chains, generator), generator)
    return KernelCheck(p_value >= false_alarm_rate and moved > 0, p_value, false_alarm_rate, moved)


def _chi_square_p_value(rbm: RBM, visible: Tensor) -> float:
    """Compare the counts of the enumerated visible states with their exact probabilities."""
    states = layer_states(rbm.visible)
    expected = torch.softmax(-rbm.free_energy(states).double(), 0).numpy() * len(visible)
    values = rbm.visible.unit_states()
    assert values is not None
    powers = len(values) ** np.arange(rbm.visible.size - 1, -1, -1)
    # A state outside the layer's state space is the gravest fault of all: it has probability 0.
    digits = (visible[..., None] == values).numpy()
    if not digits.any(-1).all():
        return 0.0
    observed = np.bincount(digits.argmax(-1) @ powers, minlength=len(states)).astype(float)
    return _pooled_p_value(observed, expected)


def _pooled_p_value(observed: np.ndarray, expected: np.ndarray, smallest: float = 10.0) -> float:
    """Chi-square p-value with cells pooled, rarest first, until each expects at least `smallest` counts."""
    order = np.argsort(expected)
    bins = (np.cumsum(expected[order]) / smallest).astype(int)
    # A pool closes when the running expectation crosses a multiple of `smallest`, so each has about that much or more.
    _, pool = np.unique(bins, return_inverse=True)
    pooled_observed, pooled_expected = np.bincount(pool, observed[order]), np.bincount(pool, expected[order])
    if pooled_expected[0] < smallest / 2 and len(pooled_expected) > 1:
        pooled_observed[1] += pooled_observed[0]
        pooled_expected[1] += pooled_expected[0]
        pooled_observed, pooled_expected = pooled_observed[1:], pooled_expected[1:]
    if len(pooled_expected) == 1:
        raise InputError(
            "nearly all probability of the model is in one state, so that the check could not tell a wrong sampler: "
            "take smaller biases or more chains"
        )
    statistic = ((pooled_observed - pooled_expected) ** 2 / pooled_expected).sum()
    return float(scipy.stats.chi2.sf(statistic, len(pooled_expected) - 1))


def _directions_p_value(visible: Tensor, reference: Tensor, generator: torch.Generator) -> float:
    """Compare two sets of real-valued states along the axes and as many random directions."""
    size = visible.shape[1]
    random = torch.randn(size, size, dtype=visible.dtype, generator=generator)
    directions = torch.cat([torch.eye(size, dtype=visible.dtype), random], 1)
    ours, exact = (visible @ directions).numpy(), (reference @ directions).numpy()
    smallest = min(scipy.stats.ks_2samp(ours[:, k], exact[:, k]).pvalue for k in range(2 * size))
    return float(min(1.0, 2 * size * smallest))
