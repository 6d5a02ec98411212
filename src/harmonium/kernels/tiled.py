"""Products of any states with weights in the processor's matrix registers, which multiply bfloat16."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.kernels.backend import compiled, has_tiles
from harmonium.kernels.products import LANES, UNITS, PackedWeights, blocks, pairs_of
from harmonium.kernels.sweeps import Sweeper
from harmonium.kernels.threads import Call, run

PARTS = 3
"""So many bfloat16 add up to a float32: 8 bits each of its 24."""

GROUPS = 4
"""The most groups of 32 cases in a piece of work: they share each block of weights in a near cache."""


class TiledWeights:
    """Weights laid out for products in matrix registers of the processor (Intel's AMX): two rows to a word.

    A float32 is the sum of three bfloat16, W = W1 + W2 + W3. Binary states are exact in one, so that
    x W = x W1 + x W2 + x W3 is a product in float32 up to the order of summation; other states are taken in three
    parts too, and what lies below their 24 bits is left out. Rounded weights are W1 alone.

    Parameters
    ----------
    weights : Tensor, shape (n, m)
        In float32, contiguous, on the CPU.
    rounded : bool
        Whether to round.

    Attributes
    ----------
    shape : tuple of int
        (n, m).
    parts : int
        1 where rounded, else 3.
    rows : Tensor, shape (ceil(m / 32), 16 parts ceil(n / 32), 32), int32
        For products with visible states. Rounded, it is that of `PackedWeights`.
    columns : Tensor, shape (ceil(n / 32), 16 parts ceil(m / 32), 32), int32
        The transpose, for products with hidden states.

    Raises
    ------
    RuntimeError
        When there are no such registers; `has_tiles` says so.
    """

    def __init__(self, weights: Tensor, rounded: bool = True) -> None:
        if not has_tiles():
            raise RuntimeError("this processor or system has no matrix registers (AMX): use PackedWeights")
        n, m = self.shape = tuple(weights.shape)
        self.parts = 1 if rounded else PARTS
        self.rows = blocks(self.parts * pairs_of(n), m, torch.int32)
        self.columns = blocks(self.parts * pairs_of(m), n, torch.int32)
        for store in (self.rows, self.columns):
            store.zero_()  # beyond the last row and column, where packing writes nothing
        self.pack(weights)

    def pack(self, weights: Tensor) -> None:
        """Take over the weights as they are now."""
        run(compiled("tile_packing").pack, weights, self.rows, self.columns, *self.shape, UNITS, self.parts)

    def hidden_field(self, visible: Tensor, usual: Tensor | None = None) -> Tensor:
        """Return v W: (..., n) -> (..., m); what is usual, which sums of rows want to know, makes no difference."""
        return _product(visible, self.rows, self.shape[1], self.parts)

    def visible_field(self, hidden: Tensor, usual: Tensor | None = None) -> Tensor:
        """Return h W^T: (..., m) -> (..., n); what is usual, which sums of rows want to know, makes no difference."""
        return _product(hidden, self.columns, self.shape[0], self.parts)

    def sweeper(self) -> Sweeper:
        """Return what carries out Gibbs sweeps in one pass."""
        sweeps = compiled("tile_sweeps")
        return Sweeper(sweeps.sweep_tiles, sweeps.start_tiles, self.rows, self.columns, self.parts, LANES, GROUPS)


def packed_weights(weights: Tensor, rounded: bool) -> PackedWeights | TiledWeights:
    """Return weights laid out for the fastest products that this processor has."""
    return TiledWeights(weights, rounded) if has_tiles() else PackedWeights(weights, rounded)


def _groups(cases: int) -> int:
    """Return how many tiles of 32 cases there are."""
    return max(1, -(-cases // LANES))


def _cases_a_piece(cases: int) -> int:
    """Return how many cases share a piece of work, as many tiles as threads find in a near cache."""
    return LANES * min(GROUPS, -(-_groups(cases) // torch.get_num_threads()))


def _product(states: Tensor, packed: Tensor, m: int, parts: int) -> Tensor:
    out = torch.empty(*states.shape[:-1], m, dtype=states.dtype)
    _product_call(states, packed, out, parts).run()
    return out


def _product_call(states: Tensor, packed: Tensor, out: Tensor, parts: int) -> Call:
    n, m = states.shape[-1], out.shape[-1]
    cases = states.numel() // n
    shares = max(1, torch.get_num_threads() // _groups(cases))  # few cases: several pieces of work share the columns
    kernel = compiled("tile_products").product_of_tiles
    return Call(kernel, states, packed, out, cases, n, m, parts, _cases_a_piece(cases), shares)
