"""Gibbs sweeps of binary units in one pass: chains stay in a near cache from their first sweep to the last."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from harmonium.kernels.threads import Call

FEWEST = 64
"""So many units of a layer are drawn at once."""

FIELD, VISIBLE, FOUND, BITS = 0, 5, 6, 15
"""Where a call of sweeps has the field that it begins with, and v, the field and v as bits, which it writes."""


class Sweeper(NamedTuple):
    """What carries out sweeps.

    Attributes
    ----------
    kernel, starts : numba.core.ccallback.CFunc
        What sweeps, and what takes states to begin with.
    rows, columns : Tensor
        Packed weights, for products with visible and with hidden states.
    told : int or ndarray
        What the kernel is told of them: a number, or the array whose address it gets.
    group : int
        So many chains are multiplied at once.
    most : int
        The most groups that make a piece of work: they share each block of weights in a near cache.
    """

    kernel: Any
    starts: Any
    rows: Tensor
    columns: Tensor
    told: int | np.ndarray
    group: int
    most: int

    def sweep(
        self,
        field: Tensor,
        biases: tuple[Tensor, Tensor],
        sweeps: int,
        generator: torch.Generator | None,
        scale: float = 1.0,
    ) -> tuple[Tensor, Tensor]:
        """Move chains by Gibbs sweeps, all of them in one pass: h given v, then v given h.

        Parameters
        ----------
        field : Tensor, shape (..., m)
            W^T v of where the chains stand.
        biases : (Tensor, Tensor)
            Of the visible units (n,) and of the hidden ones (m,).
        sweeps : int
            How many, at least 1.
        generator : torch.Generator, optional
            The source of randomness: a key for each layer and sweep, as `sample_from_field` draws it.
        scale : float
            What fields are multiplied by before the biases are added.

        Returns
        -------
        (Tensor, Tensor)
            v (..., n), and W^T v (..., m).

        Notes
        -----
        Nothing but the result leaves the caches. States and fields are those that products and the kernel of
        `sample_from_field` give one after the other.
        """
        prepared = Sweeps(self, field.numel() // field.shape[-1], biases, sweeps, scale)
        visible, found = field.new_empty(*field.shape[:-1], len(biases[0])), torch.empty_like(field)
        prepared.take(field, found, visible, None, generator)
        prepared.call.run()
        return visible, found

    def cases_of_piece(self, cases: int) -> int:
        """Return how many of so many cases make a piece of work."""
        return self.group * groups_of_piece(-(-cases // self.group), self.most, torch.get_num_threads())

    def takes(self, cases: int, units: int) -> bool:
        """Whether `sweep` takes layers of so many units or more, and is the fastest way for so many chains.

        Of few chains most threads would have none.
        """
        return units >= FEWEST and -(-cases // self.group) >= torch.get_num_threads()


class Sweeps:
    """The sweeps of `Sweeper.sweep` for so many cases, with its parameters: made once, they can run again and again."""

    def __init__(
        self, sweeper: Sweeper, cases: int, biases: tuple[Tensor, Tensor], sweeps: int, scale: float = 1.0
    ) -> None:
        below, above = biases
        n, m = below.numel(), above.numel()
        self._keys, factor = torch.empty(sweeps, 2, dtype=torch.int64), np.array([scale], dtype=np.float32)
        tensors = None, sweeper.rows, sweeper.columns, above, below, None, None
        others = cases, n, m, sweeper.told, sweeps, self._keys, sweeper.cases_of_piece(cases), factor, None
        self.call = Call(sweeper.kernel, *tensors, *others)

    def take(
        self,
        field: Tensor,
        found: Tensor,
        visible: Tensor | None,
        bits: Tensor | None,
        generator: torch.Generator | None = None,
    ) -> None:
        """Take a field (cases, m) to move on from, and where the next run is to write W^T v (cases, m) and v.

        v is written as float32 (cases, n), as bits (`bits_for`), or both.
        """
        torch.randint(2**63 - 1, self._keys.shape, generator=generator, out=self._keys)
        self.call[FIELD], self.call[FOUND], self.call[VISIBLE], self.call[BITS] = field, found, visible, bits


class Starts:
    """What makes bits and a field of so many cases of binary states: made once, it can run again and again.

    Parameters
    ----------
    sweeper : Sweeper
    field : Tensor, shape (cases, m)
        Where each run leaves W^T v.
    bits : Tensor
        Where it leaves v (`bits_for`).
    """

    def __init__(self, sweeper: Sweeper, field: Tensor, bits: Tensor, n: int) -> None:
        cases, m = field.shape
        self._inexact = np.zeros(1, dtype=np.int64)
        numbers = cases, n, m, sweeper.told, sweeper.cases_of_piece(cases)
        self._call = Call(sweeper.starts, None, sweeper.rows, field, bits, *numbers, self._inexact)

    def run(self, visible: Tensor) -> bool:
        """Take v (cases, n), float32; return whether all of it is 0 or 1. If not, the results are void."""
        self._inexact[0], self._call[0] = 0, visible
        self._call.run()
        return self._inexact[0] == 0


@functools.cache
def groups_of_piece(groups: int, most: int, threads: int) -> int:
    """Return how many groups of cases make a piece of work, so that threads have alike much to do, in few pieces."""
    return min(range(most, 0, -1), key=lambda size: math.ceil(math.ceil(groups / size) / threads) * size)
