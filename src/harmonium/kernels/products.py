"""Products of states with weights. A state that is mostly 0 needs few rows of the weights, and exactly those."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from harmonium.kernels.backend import callable_of, compiled
from harmonium.kernels.threads import run

SPARSE, SPARSE_ROUNDED = 0.4, 0.3
"""Up to this share of numbers other than 0, or than usual, adding rows is faster than a dense product.

The first is of weights in float32, the other of rounded ones, for which dense products are faster too.
"""

LOOK, LOOK_FOR_USUAL = 4, 32
"""How many rows are looked at to find that share, and what is usual: of few coins most fall alike by chance."""

LANES = 32
"""Columns are packed in blocks of so many, and pairs of rows in so many rows or a multiple."""

CASES = 32
"""The most cases that make a piece of work: they share a block of weights in the nearest cache."""

UNITS = 64
"""So many visible units make a piece of work where weights are packed: whole blocks of the transpose."""


class PackedWeights:
    """Weights laid out for products with sparse states: in blocks of 32 columns.

    Adding rows is bound by the memory that is read, and a block stays in a near cache while many cases use it. Sums are
    float32. Rounded weights take half of the memory: a word holds those of two rows, 2 p and 2 p + 1, and each weight
    is off by at most 2^-8 of itself.

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
    """

    def __init__(self, weights: Tensor, rounded: bool = True) -> None:
        n, m = self.shape = tuple(weights.shape)
        if rounded:
            self.rows, self.columns = blocks(pairs_of(n), m, torch.int32), blocks(pairs_of(m), n, torch.int32)
        else:
            self.rows, self.columns = blocks(n, m), blocks(m, n)
        for store in (self.rows, self.columns):
            store.zero_()  # beyond the last column, where packing writes nothing
        self.pack(weights)

    def pack(self, weights: Tensor) -> None:
        """Take over the weights as they are now."""
        if self.rows.dtype == torch.float32:
            _pack_exactly(weights, self.rows)
            turned = weights.T.contiguous()  # named, since the kernel has its address
            _pack_exactly(turned, self.columns)
        else:
            addresses = weights.data_ptr(), self.rows.data_ptr(), self.columns.data_ptr()
            run(compiled("packing").pack, *addresses, *self.shape, UNITS, 1)

    def hidden_field(self, visible: Tensor, usual: Tensor | None = None) -> Tensor:
        """Return v W: (..., n) -> (..., m); fast where most of v is 0, or as usual (n,)."""
        return _sparse_product(visible, self.rows, self.shape[1], usual)

    def visible_field(self, hidden: Tensor, usual: Tensor | None = None) -> Tensor:
        """Return h W^T: (..., m) -> (..., n); fast where most of h is 0, or as usual (m,)."""
        return _sparse_product(hidden, self.columns, self.shape[0], usual)


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
    run(compiled("packing").pack_exactly, weights.data_ptr(), out.data_ptr(), *weights.shape, UNITS)


def _sparse_product(states: Tensor, packed: Tensor, m: int, usual: Tensor | None) -> Tensor:
    """Add a row of the packed weights for every state, or two of them, that is not as usual: (..., n) -> (..., m).

    x W = usual W + (x - usual) W
    """
    out = torch.empty(*states.shape[:-1], m, dtype=states.dtype)
    nothing = torch.zeros(states.shape[-1])
    if usual is None or not usual.any():
        _add_rows(states, packed, nothing, 0, out)
    else:
        base = torch.empty(m + 2 * LANES)  # the kernel reads whole blocks
        _add_rows(usual, packed, nothing, 0, base[:m])
        _add_rows(states, packed, usual, base.data_ptr(), out)
    return out


def _add_rows(states: Tensor, packed: Tensor, usual: Tensor, base: int, out: Tensor) -> None:
    n, m = states.shape[-1], out.shape[-1]
    cases = states.numel() // n
    pieces = max(-(-cases // CASES), 2 * torch.get_num_threads())
    kernels = compiled("products")
    kernel = kernels.product_of_floats if packed.dtype == torch.float32 else kernels.product_of_pairs
    addresses = states.data_ptr(), packed.data_ptr(), out.data_ptr()
    run(kernel, *addresses, cases, n, m, -(-cases // pieces), usual.data_ptr(), base)


def usual_states(states: Tensor, rounded: bool) -> Tensor | None:
    """Return what most of the states of each unit are (n,), if rows of weights for all others are faster to add.

    Else, where a dense product is faster, None. Judged by some rows from beginning to end: float32, contiguous, on the
    CPU. A hidden unit that is on in most cases needs its row of weights only in the others.
    """
    n = states.shape[-1]
    rows, usual = states.numel() // n, torch.empty(n)
    cases = min(LOOK_FOR_USUAL, rows)
    find = callable_of(compiled("lists").find_usual)
    unusual = int(find(states.data_ptr(), cases, n, rows // cases, usual.data_ptr()))
    return usual if unusual <= _most(rounded) * cases * n else None


def is_sparse(states: Tensor, rounded: bool) -> bool:
    """Whether adding rows of weights, rounded or not, for these states is faster than a dense product.

    Judged by how many numbers of the first rows are other than 0: float32, contiguous, on the CPU.
    """
    count = min(LOOK * states.shape[-1], states.numel())
    return int(callable_of(compiled("lists").count_nonzero)(states.data_ptr(), count)) <= _most(rounded) * count


def _most(rounded: bool) -> float:
    """Return the largest share that is sparse."""
    return SPARSE_ROUNDED if rounded else SPARSE


def rounded_outer(*terms: tuple[Tensor, Tensor, float], centre: Tensor | None = None) -> Tensor:
    """Return the sum of factor x' (y - centre) over all terms, multiplied and rounded in bfloat16, summed in float32.

    Parameters
    ----------
    *terms : (x, y, factor)
        Float32 tensors (cases, n) and (cases, m); states of 0 and 1 are exact in bfloat16.
    centre : Tensor, shape (m,), optional
        Rounding y - centre loses less of what the cases differ in than rounding y.

    Returns
    -------
    Tensor, shape (n, m), bfloat16
        A view of rows that are a multiple of 32 long, which products with AMX want.
    """
    cases, m = sum(len(x) for x, _, _ in terms), terms[0][1].shape[1]
    left = torch.empty(cases, terms[0][0].shape[1], dtype=torch.bfloat16)
    right = torch.zeros(cases, -(-m // LANES) * LANES, dtype=torch.bfloat16)
    first = 0
    for x, y, factor in terms:
        last = first + len(x)
        left[first:last] = x
        torch.mul(y if centre is None else y - centre, factor, out=right[first:last, :m])
        first = last
    return (left.T @ right)[:, :m]
