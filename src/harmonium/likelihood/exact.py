"""The log-partition and log-likelihood of small models, exactly."""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor

from harmonium.errors import InputError
from harmonium.exact import enumerable_side, is_finite, joint_normal, layer_states
from harmonium.exact.enumeration import count_states
from harmonium.rbm import RBM

MAX_STATES = 2**30
"""The largest number of states that is summed."""

BLOCK = (256, 512)
"""How many states of either half make a block: few enough for a number of each pair to stay in a processor's cache."""

Progress = Callable[[], None]
"""Called after every block."""


@torch.no_grad()
def exact_log_partition(rbm: RBM, progress: Progress | None = None) -> Tensor:
    """log Z = log sum_v exp(-F(v)), in nats, summed over the smaller finite layer, or in closed form.

    The layer is cut into two halves. The fields of all states of either half are tabulated once, so that the field of a
    joint state is the sum of two rows, and the other layer sums itself out for all pairs of rows at once
    (`Units.pairwise_log_partition`). Everything is accumulated in float64 by a running log-sum-exp.

    Parameters
    ----------
    rbm : RBM
        A model with a finite layer of at most 2^30 states, or with Gaussian units on both sides. 2^20 states take
        about a second with 784 units on the other side; every further binary unit doubles that (`expected_seconds`).
    progress : callable, optional
        Called after each of `count_blocks(rbm)` blocks.

    Returns
    -------
    Tensor, shape (), float64

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
    tables, sums = _HalfTables(rbm), []
    for block in tables.blocks():
        sums.append(tables.log_sum(*block))
        if progress is not None:
            progress()
    return torch.stack(sums).logsumexp(0).cpu()


def count_blocks(rbm: RBM) -> int:
    """Return how often `exact_log_partition` calls its `progress`."""
    if not (is_finite(rbm.visible) or is_finite(rbm.hidden)):
        return 0
    side = enumerable_side(rbm)
    states = side.visible.unit_states()
    assert states is not None
    cut = side.visible.size // 2
    halves = len(states) ** cut, len(states) ** (side.visible.size - cut)
    return math.prod(math.ceil(half / block) for half, block in zip(halves, BLOCK, strict=True))


def expected_seconds(rbm: RBM) -> float:
    """Return about how long `exact_log_partition` will take, from the time of a few blocks.

    Raises
    ------
    InputError
        As `exact_log_partition`.
    """
    if not (is_finite(rbm.visible) or is_finite(rbm.hidden)):
        return 0.0
    tables = _HalfTables(rbm)
    times = []
    for block in itertools.islice(itertools.cycle(tables.blocks()), 6):
        clock = time.perf_counter()
        tables.log_sum(*block)
        times.append(time.perf_counter() - clock)
    return statistics.median(times[1:]) * len(tables.blocks())


class _HalfTables:
    """The states of the smaller finite layer as pairs of states of its two halves."""

    def __init__(self, rbm: RBM) -> None:
        side = enumerable_side(rbm)
        total = count_states(side.visible)
        if total > MAX_STATES:
            raise InputError(
                f"the smaller finite layer has {side.visible.size} {side.visible.family} units and thus more than the "
                f"{MAX_STATES} states that are summed: use an estimate, method 'ais'"
            )
        double = RBM(deepcopy(side.visible), deepcopy(side.hidden), weights=side.weights.detach().double())
        cut = side.visible.size // 2
        self.other = double.hidden
        self.first = self._table(double, slice(0, cut))
        self.second = self._table(double, slice(cut, None))

    @staticmethod
    def _table(rbm: RBM, part: slice) -> tuple[Tensor, Tensor]:
        """Return -E_v and the field of every state of some of the units, all others at zero."""
        size = len(range(rbm.visible.size)[part])
        states = rbm.weights.new_zeros(1, rbm.visible.size)
        if size:
            units = type(rbm.visible)(size).to(rbm.weights)
            states = layer_states(units).new_zeros(count_states(units), rbm.visible.size)
            states[:, part] = layer_states(units)
        return -rbm.visible.energy(states), rbm.hidden_field(states)

    def blocks(self) -> list[tuple[slice, slice]]:
        """Return the pairs of ranges of states, one of each half, that make up all states."""
        ranges = [
            [slice(start, start + size) for start in range(0, len(score), size)]
            for (score, _), size in zip((self.first, self.second), BLOCK, strict=True)
        ]
        return list(itertools.product(*ranges))

    @torch.no_grad()
    def log_sum(self, rows: slice, columns: slice) -> Tensor:
        """Log of the sum of exp(-F) over the pairs of some states of the first half with some of the second."""
        score = self.first[0][rows, None] + self.second[0][columns]
        other = self.other.pairwise_log_partition(self.first[1][rows], self.second[1][columns])
        return (score + other).flatten().logsumexp(0)


@torch.no_grad()
def exact_log_probability(rbm: RBM, visible: Tensor) -> Tensor:
    """log P(v) = -F(v) - log Z, in nats, with the exact log Z: (..., n) -> (...), float64.

    Raises
    ------
    InputError
        As `exact_log_partition`.
    """
    return -rbm.free_energy(visible).double() - exact_log_partition(rbm).to(visible.device)
