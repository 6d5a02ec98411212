"""Products of states with weights. A state that is mostly 0 needs few rows of the weights, and exactly those."""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from torch import Tensor

from harmonium.kernels.backend import callable_of, compiled, multiplies_pairs
from harmonium.kernels.sweeps import Sweeper, groups_of_piece
from harmonium.kernels.threads import Call, run

SPARSE = 0.4
"""Up to this share of numbers other than 0, or than usual, adding rows in float32 is faster than a dense product."""

LOOK, LOOK_FOR_USUAL = 4, 32
"""How many rows are looked at to find that share, and what is usual: of few coins most fall alike by chance."""

LANES = 32
"""Columns are packed in blocks of so many, and pairs of rows in so many rows or a multiple."""

GROUPS = 5
"""The most groups of cases, multiplied at once, that make a piece of work: they share a block of weights in a cache."""

UNITS = 64
"""So many visible units make a piece of work where weights are packed: whole blocks of the transpose."""


class PackedWeights:
    """Weights laid out for products with binary states: in blocks of 32 columns.

    Adding rows is bound by the memory that is read, and a block stays in a near cache while many cases use it. Sums are
    float32. Rounded weights take half of the memory: whole numbers of 16 bits that count by a scale, two rows, 2 p and
    2 p + 1, to a word. The scale is the smallest power of 2 at which they fit, so that each is off by at most 2^-15 of
    the largest one, and sums of binary states are exact up to 2^24 units of the scale: the same in whatever order.

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
    rows : Tensor, shape (ceil(m / 32), n, 32) float32, or (ceil(m / 32), 16 ceil(n / 32), 32) int32 where rounded
        For products with visible states.
    columns : Tensor, shape (ceil(n / 32), m or 16 ceil(m / 32), 32)
        The transpose, for products with hidden states.
    scales : ndarray, shape (2,), float32
        Of rounded weights: the scale at which they are packed, and the one that they need since the last step on them.
    """

    def __init__(self, weights: Tensor, rounded: bool = True) -> None:
        n, m = self.shape = tuple(weights.shape)
        if rounded:
            self.rows, self.columns = blocks(pairs_of(n), m, torch.int32), blocks(pairs_of(m), n, torch.int32)
        else:
            self.rows, self.columns = blocks(n, m), blocks(m, n)
        for store in (self.rows, self.columns):
            store.zero_()  # beyond the last column, where packing writes nothing
        self.scales = np.ones(2, dtype=np.float32)
        self.pack(weights)

    def pack(self, weights: Tensor) -> None:
        """Take over the weights as they are now."""
        if self.rows.dtype == torch.float32:
            _pack_exactly(weights, self.rows)
            _pack_exactly(weights.T.contiguous(), self.columns)
            return
        kernel, sizes = compiled("word_packing").pack_whole, np.empty(-(-self.shape[0] // UNITS), dtype=np.uint32)
        run(kernel, weights, self.rows, self.columns, *self.shape, UNITS, self.scales, sizes)

    def keep_up(self, weights: Tensor) -> None:
        """Pack anew after a step that packed the new weights at the scale of the old ones, if they need another."""
        if self.scales[0] != self.scales[1]:
            self.pack(weights)

    def sweeper(self) -> Sweeper | None:
        """Return what carries out Gibbs sweeps in one pass; rounded weights, where the processor multiplies pairs."""
        words = compiled("words")
        if self.rows.dtype == torch.float32 or not multiplies_pairs() or max(self.shape) >= words.MOST:
            return None
        sweeps = compiled("word_sweeps")
        copies = self.rows, self.columns, self.scales
        return Sweeper(sweeps.sweep_words, sweeps.start_words, *copies, words.GROUP, sweeps.GROUPS)

    def hidden_field(self, visible: Tensor, usual: Tensor | None = None) -> Tensor:
        """Return v W: (..., n) -> (..., m); fast where most of v is 0, or as usual (n,)."""
        return _product(visible, self.rows, self.shape[1], usual, self.scales)

    def visible_field(self, hidden: Tensor, usual: Tensor | None = None) -> Tensor:
        """Return h W^T: (..., m) -> (..., n); fast where most of h is 0, or as usual (m,)."""
        return _product(hidden, self.columns, self.shape[0], usual, self.scales)


def blocks(cases: int, width: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return an empty tensor for (cases, width) in blocks of 32 columns, each row at a multiple of 64 bytes."""
    shape = -(-width // LANES), cases, LANES
    store = torch.empty(math.prod(shape) + 16, dtype=dtype)
    shift = -store.data_ptr() % 64 // store.element_size()
    return store[shift : shift + math.prod(shape)].view(shape)


def pairs_of(n: int) -> int:
    """Return how many rows of pairs n rows take."""
    return -(-n // LANES) * (LANES // 2)


def _pack_exactly(weights: Tensor, out: Tensor) -> None:
    run(compiled("float_packing").pack_exactly, weights, out, *weights.shape, UNITS)


def _product(states: Tensor, packed: Tensor, m: int, usual: Tensor | None, scales: np.ndarray) -> Tensor:
    """Add a row of the packed weights for every state, or two of them, that is not as usual: (..., n) -> (..., m).

    x W = usual W + (x - usual) W
    """
    out, base = torch.empty(*states.shape[:-1], m, dtype=states.dtype), None
    if usual is not None and usual.any():
        base = torch.empty(m + 2 * LANES)  # the kernel reads whole blocks
        _product_call(usual, packed, base[:m], scales).run()
    _product_call(states, packed, out, scales, usual, base).run()
    return out


def _product_call(
    states: Tensor,
    packed: Tensor,
    out: Tensor,
    scales: np.ndarray,
    usual: Tensor | None = None,
    base: Tensor | None = None,
) -> Call:
    """Return the call that writes a product, where states are usual (n,) and these give a base (m,), or neither."""
    n, m = states.shape[-1], out.shape[-1]
    cases = states.numel() // n
    group = compiled("words").GROUP
    of_piece = group * groups_of_piece(-(-cases // group), GROUPS, torch.get_num_threads())
    in_float32 = packed.dtype == torch.float32
    kernel = compiled("float_products").product_of_floats if in_float32 else compiled("word_products").product_of_pairs
    usual = torch.zeros(n) if base is None else usual
    return Call(kernel, states, packed, out, cases, n, m, of_piece, usual, base, scales)


def usual_states(states: Tensor) -> Tensor | None:
    """Return what most of the states of each unit are (n,), if rows of weights for all others are faster to add.

    Else, where a dense product is faster, None. Judged by some rows from beginning to end: float32, contiguous, on the
    CPU. A hidden unit that is on in most cases needs its row of weights only in the others.
    """
    n = states.shape[-1]
    rows, usual = states.numel() // n, torch.empty(n)
    cases = min(LOOK_FOR_USUAL, rows)
    find = callable_of(compiled("lists").find_usual)
    unusual = int(find(states.data_ptr(), cases, n, rows // cases, usual.data_ptr()))
    return usual if unusual <= SPARSE * cases * n else None


def is_sparse(states: Tensor) -> bool:
    """Whether adding rows of weights in float32 for these states is faster than a dense product.

    Judged by how many numbers of the first rows are other than 0: float32, contiguous, on the CPU.
    """
    count = min(LOOK * states.shape[-1], states.numel())
    return int(callable_of(compiled("lists").count_nonzero)(states.data_ptr(), count)) <= SPARSE * count


@functools.cache
def multiplies_all() -> bool:
    """Whether a product with all rounded weights is as fast as adding the rows of states that are not as usual.

    So it is where the processor multiplies two registers a cycle.
    """
    return multiplies_pairs() and compiled("words").DENSE <= SPARSE


def is_binary(states: Tensor) -> bool:
    """Whether states are 0 and 1, judged by the first rows: float32, contiguous, on the CPU."""
    count = min(LOOK * states.shape[-1], states.numel())
    return int(callable_of(compiled("lists").count_others)(states.data_ptr(), count)) == 0
