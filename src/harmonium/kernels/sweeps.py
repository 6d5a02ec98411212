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

FIELD, VISIBLE, FOUND = 0, 5, 6
"""Where a call of sweeps has the field that it begins with, and v and the field that it writes."""


class Sweeper(NamedTuple):
    """What carries out sweeps.

    Attributes
    ----------
    kernel : numba.core.ccallback.CFunc
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
        sweeps_of_all = Sweeps(self, field.numel() // field.shape[-1], biases, sweeps, scale)
        moved = sweeps_of_all.take(field, generator)
        sweeps_of_all.run()
        return moved

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
        of_piece = sweeper.group * groups_of_piece(-(-cases // sweeper.group), sweeper.most, torch.get_num_threads())
        tensors = None, sweeper.rows, sweeper.columns, above, below, None, None
        self._call = Call(sweeper.kernel, *tensors, cases, n, m, sweeper.told, sweeps, self._keys, of_piece, factor)
        self._width = n

    def take(self, field: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Take a field (..., m) to move on from; return where the next run leaves v (..., n) and W^T v (..., m)."""
        visible, found = field.new_empty(*field.shape[:-1], self._width), torch.empty_like(field)
        torch.randint(2**63 - 1, self._keys.shape, generator=generator, out=self._keys)
        self._call[FIELD], self._call[VISIBLE], self._call[FOUND] = field, visible, found
        return visible, found

    def run(self) -> None:
        """Sweep."""
        self._call.run()


@functools.cache
def groups_of_piece(groups: int, most: int, threads: int) -> int:
    """Return how many groups of cases make a piece of work, so that threads have alike much to do, in few pieces."""
    return min(range(most, 0, -1), key=lambda size: math.ceil(math.ceil(groups / size) / threads) * size)
