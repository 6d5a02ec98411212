"""Products of states with weights. A state that is mostly 0 needs few rows of the weights, and exactly those."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from harmonium.kernels.backend import compiled
from harmonium.kernels.threads import run

SPARSE = 0.3
"""Up to this share of numbers other than 0, adding rows is faster than a dense product."""

LOOK = 4
"""How many rows are looked at to find that share."""

LANES = 32
"""Columns are packed in blocks of so many."""

CASES = 32
"""The most cases that make a piece of work: they share a block of weights in the first cache."""


class PackedWeights:
    """Weights rounded to bfloat16 and laid out for products with sparse states.

    Adding rows is bound by the memory that is read. So weights are rounded, which halves it, and stored in blocks of 32
    columns, each of which stays in the first cache while many cases use it. A word holds two columns that lie 16 apart,
    since a shift and a mask then make floats of them. States are exact, sums are float32, and each weight is off by at
    most 2^-8 of itself.

    Parameters
    ----------
    weights : Tensor, shape (n, m)
        In float32, contiguous, on the CPU.

    Attributes
    ----------
    rows : Tensor, shape (ceil(m / 32), n, 16), int32
        For products with visible states.
    columns : Tensor, shape (ceil(n / 32), m, 16), int32
        The transpose, for products with hidden states.
    """

    def __init__(self, weights: Tensor) -> None:
        n, m = self.shape = tuple(weights.shape)
        self.rows, self.columns = blocks(n, m, torch.int32), blocks(m, n, torch.int32)
        self.pack(weights)

    def pack(self, weights: Tensor) -> None:
        """Take over the weights as they are now."""
        kernels = compiled()
        assert kernels is not None
        run(kernels.pack, weights.data_ptr(), self.rows.data_ptr(), self.columns.data_ptr(), *self.shape)

    def hidden_field(self, visible: Tensor) -> Tensor:
        """Return v W: (..., n) -> (..., m)."""
        return _sparse_product(visible, self.rows, self.shape[1])

    def visible_field(self, hidden: Tensor) -> Tensor:
        """Return h W^T: (..., m) -> (..., n)."""
        return _sparse_product(hidden, self.columns, self.shape[0])


def blocks(cases: int, width: int, dtype: torch.dtype) -> Tensor:
    """Return an empty tensor for (cases, width) in blocks of 32 columns: rows of 32 float32 or 16 words, aligned."""
    columns = LANES if dtype == torch.float32 else LANES // 2
    shape = (-(-width // LANES), cases, columns)
    store = torch.empty(shape[0] * cases * columns + 16, dtype=dtype)
    shift = -store.data_ptr() % 64 // store.element_size()
    return store[shift : shift + shape[0] * cases * columns].view(shape)


def in_blocks(*parts: Tensor) -> Tensor:
    """Return float32 (cases, m), of one or more tensors, as (ceil(m / 32), all cases, 32), what is beyond m being 0."""
    kernels = compiled()
    assert kernels is not None
    cases = sum(map(len, parts))
    out, first = blocks(cases, parts[0].shape[1], torch.float32), 0
    for part in parts:
        ordered = part.contiguous()  # held by a name while the kernel reads from its address
        run(kernels.pack_floats, ordered.data_ptr(), out.data_ptr(), *part.shape, first, cases)
        first += len(part)
    return out


def _sparse_product(states: Tensor, pairs: Tensor, m: int) -> Tensor:
    """Add a row of the packed weights for every state that is not 0: (..., n) -> (..., m)."""
    kernels = compiled()
    assert kernels is not None
    n = pairs.shape[1]
    cases = states.numel() // n
    out = torch.empty(*states.shape[:-1], m, dtype=states.dtype)
    pieces = max(-(-cases // CASES), 2 * torch.get_num_threads())
    addresses = states.data_ptr(), pairs.data_ptr(), out.data_ptr()
    run(kernels.product_of_sparse, *addresses, cases, n, m, -(-cases // pieces))
    return out


def is_sparse(states: Tensor) -> bool:
    """Whether few of the numbers are other than 0, judged by the first rows."""
    first = (
        states.view(-1, states.shape[-1])[:LOOK].detach().numpy()
    )  # numpy counts in half the time of a call of torch
    return bool(np.count_nonzero(first) <= SPARSE * first.size)
