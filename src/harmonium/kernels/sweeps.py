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

MOST_KEYS = 2**63 - 1
"""Keys are whole numbers below this."""

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
        visible, found = field.new_empty(*field.shape[:-1], biases[0].numel()), torch.empty_like(field)
        keys = torch.randint(MOST_KEYS, (sweeps, 2), generator=generator)
        self.call(field, biases, keys, visible, found, scale).run()
        return visible, found

    def call(
        self,
        field: Tensor,
        biases: tuple[Tensor, Tensor],
        keys: Tensor,
        visible: Tensor,
        found: Tensor,
        scale: float = 1.0,
    ) -> Call:
        """Return the call that sweeps from a field and writes v and the field that it sends; keys (sweeps, 2)."""
        below, above = biases
        n, m = below.numel(), above.numel()
        cases, factor = field.numel() // m, np.array([scale], dtype=np.float32)
        of_piece = self.group * groups_of_piece(-(-cases // self.group), self.most, torch.get_num_threads())
        tensors = field, self.rows, self.columns, above, below, visible, found
        return Call(self.kernel, *tensors, cases, n, m, self.told, len(keys), keys, of_piece, factor)

    def takes(self, cases: int, units: int) -> bool:
        """Whether `sweep` takes layers of so many units or more, and is the fastest way for so many chains.

        Of few chains most threads would have none.
        """
        return units >= FEWEST and -(-cases // self.group) >= torch.get_num_threads()


@functools.cache
def groups_of_piece(groups: int, most: int, threads: int) -> int:
    """Return how many groups of cases make a piece of work, so that threads have alike much to do, in few pieces."""
    return min(range(most, 0, -1), key=lambda size: math.ceil(math.ceil(groups / size) / threads) * size)
