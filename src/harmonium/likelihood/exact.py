"""The log-partition and log-likelihood of small models, exactly."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.errors import InputError
from harmonium.exact import enumerable_side, is_finite, joint_normal, layer_states
from harmonium.exact.enumeration import MAX_STATES, count_states
from harmonium.rbm import RBM

CHUNK = 2**14
"""How many states are summed at once: their fields fit the cache of a processor core."""


@torch.no_grad()
def exact_log_partition(rbm: RBM) -> Tensor:
    """Log Z = log sum_v exp(-F(v)), in nats, summed over the smaller finite layer, or in closed form.

    Parameters
    ----------
    rbm : RBM
        A model with a finite layer of at most 2^20 states, or with Gaussian units on both sides.

    Returns
    -------
    Tensor, shape (), float64
        Accumulated in float64 by a running log-sum-exp.

    Raises
    ------
    InputError
        When no layer is finite and small enough, or a Gaussian-Gaussian model is not normalisable.

    Examples
    --------
    >>> from harmonium.units import Bernoulli
    >>> rbm = RBM(Bernoulli(3), Bernoulli(2), weights=torch.zeros(3, 2))
    >>> round(exact_log_partition(rbm).item(), 4)      # 5 log 2: all 32 joint states weigh the same
    3.4657
    """
    if not (is_finite(rbm.visible) or is_finite(rbm.hidden)):
        return joint_normal(rbm).log_partition.double()
    side = enumerable_side(rbm)
    total = count_states(side.visible)
    if total > MAX_STATES:
        raise InputError(
            f"the smaller finite layer has {side.visible.size} {side.visible.family} units and thus {total} states, "
            f"more than the {MAX_STATES} that are enumerated"
        )
    log_sum = torch.tensor(-torch.inf, dtype=torch.float64)
    for start in range(0, total, CHUNK):
        free_energy = side.free_energy(layer_states(side.visible, start, start + CHUNK))
        log_sum = torch.logaddexp(log_sum, torch.logsumexp(-free_energy.double(), 0).cpu())
    return log_sum


@torch.no_grad()
def exact_log_probability(rbm: RBM, visible: Tensor) -> Tensor:
    """Log P(v) = -F(v) - log Z, in nats, with the exact log Z: (..., n) -> (...), float64.

    Raises
    ------
    InputError
        As `exact_log_partition`.
    """
    return -rbm.free_energy(visible).double() - exact_log_partition(rbm).to(visible.device)
