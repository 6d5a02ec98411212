"""The log-partition and log-likelihood of small models, exactly."""

from __future__ import annotations

import time
from copy import deepcopy

import torch
from torch import Tensor

from harmonium.errors import InputError
from harmonium.exact import enumerable_side, is_finite, joint_normal, layer_states
from harmonium.exact.enumeration import count_states
from harmonium.rbm import RBM

MAX_STATES = 2**30
"""The largest number of states that is summed."""

CHUNK = 2**20
"""About how many numbers a chunk of fields holds: few enough to stay in a processor's cache."""


@torch.no_grad()
def exact_log_partition(rbm: RBM) -> Tensor:
    """log Z = log sum_v exp(-F(v)), in nats, summed over the smaller finite layer, or in closed form.

    The layer is cut into two halves. The fields of all states of either half are tabulated once, so that the field of a
    joint state is the sum of two rows: one addition a unit instead of a product with the weights. Everything is
    accumulated in float64 by a running log-sum-exp.

    Parameters
    ----------
    rbm : RBM
        A model with a finite layer of at most 2^30 states, or with Gaussian units on both sides. 2^20 states take
        seconds with 784 units on the other side; every further binary unit doubles that (`expected_seconds`).

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
    tables = _HalfTables(rbm)
    sums = [tables.log_sum(row, row + tables.rows) for row in range(0, tables.count, tables.rows)]
    return torch.stack(sums).logsumexp(0).cpu()


def expected_seconds(rbm: RBM) -> float:
    """Return about how long `exact_log_partition` will take, from the time of a few chunks."""
    if not (is_finite(rbm.visible) or is_finite(rbm.hidden)):
        return 0.0
    tables = _HalfTables(rbm)
    chunks = range(0, tables.count, tables.rows)
    clock = time.perf_counter()
    for row in chunks[:3]:
        tables.log_sum(row, row + tables.rows)
    return (time.perf_counter() - clock) * len(chunks) / min(3, len(chunks))


class _HalfTables:
    """The states of the smaller finite layer as pairs of states of its two halves.

    Attributes
    ----------
    count : int
        The number of states of the first half.
    rows : int
        How many of them make a chunk together with all states of the second half.
    """

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
        self.count = len(self.first[0])
        self.rows = max(1, CHUNK // (len(self.second[0]) * double.hidden.size))

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

    @torch.no_grad()
    def log_sum(self, start: int, stop: int) -> Tensor:
        """Log of the sum of exp(-F) over some states of the first half with all of the second."""
        score = self.first[0][start:stop, None] + self.second[0]
        field = self.first[1][start:stop, None] + self.second[1]
        return (score + self.other.log_partition(field)).flatten().logsumexp(0)


@torch.no_grad()
def exact_log_probability(rbm: RBM, visible: Tensor) -> Tensor:
    """log P(v) = -F(v) - log Z, in nats, with the exact log Z: (..., n) -> (...), float64.

    Raises
    ------
    InputError
        As `exact_log_partition`.
    """
    return -rbm.free_energy(visible).double() - exact_log_partition(rbm).to(visible.device)
