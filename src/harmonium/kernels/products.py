"""Products of states with weights. A state that is mostly 0 needs few rows of the weights, and exactly those."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from harmonium.kernels.backend import compiled
from harmonium.kernels.bernoulli import PIECES
from harmonium.kernels.threads import run

SPARSE = 0.3
"""Up to this share of numbers other than 0, adding rows is faster than a dense product."""

LOOK = 4
"""How many rows are looked at to find that share."""

LANES = 64
"""Rows begin at multiples of so many numbers, since vector registers read a row that lies across a border twice."""


class PackedWeights:
    """Weights rounded to bfloat16, for products with sparse states.

    Adding rows is bound by the memory that is read, so half the bytes are twice the speed. States are exact, sums are
    float32, and each weight is off by at most 2^-8 of itself.

    Parameters
    ----------
    weights : Tensor, shape (n, m)
        In float32, contiguous, on the CPU.

    Attributes
    ----------
    rows : Tensor, shape (n, m), bfloat16
        A view of rows that begin at multiples of 64 bytes.
    """

    def __init__(self, weights: Tensor) -> None:
        self.rows = aligned(weights.shape[0], weights.shape[1], torch.bfloat16)
        self.pack(weights)

    def pack(self, weights: Tensor) -> None:
        """Take over the weights as they are now."""
        kernels = compiled()
        assert kernels is not None
        run(kernels.pack, weights.data_ptr(), self.rows.data_ptr(), *weights.shape, self.rows.stride(0))


def aligned(cases: int, width: int, dtype: torch.dtype) -> Tensor:
    """Return an empty tensor (cases, width) whose rows begin at multiples of 64 numbers and of 64 bytes.

    What lies between the rows is 0: kernels read it, and numbers of chance may be so small that processors stumble.
    """
    stride = -(-width // LANES) * LANES
    store = torch.empty(cases * stride + LANES, dtype=dtype)
    shift = -store.data_ptr() % 64 // store.element_size()
    rows = store[shift : shift + cases * stride].view(cases, stride)
    rows[:, width:] = 0
    return rows[:, :width]


def sparse_product(states: Tensor, rows: Tensor) -> Tensor:
    """Return x W, adding a row of W for every x that is not 0: (..., n) -> (..., m) with rows (n, m) in bfloat16."""
    kernels = compiled()
    assert kernels is not None
    (n, m), cases = rows.shape, states.numel() // rows.shape[0]
    out = torch.empty(*states.shape[:-1], m, dtype=states.dtype)
    addresses = states.data_ptr(), rows.data_ptr(), out.data_ptr()
    run(kernels.product_of_sparse, *addresses, cases, n, m, max(1, cases // PIECES), 2 * rows.stride(0))
    return out


def is_sparse(states: Tensor) -> bool:
    """Whether few of the numbers are other than 0, judged by the first rows."""
    first = states.view(-1, states.shape[-1])[:LOOK].numpy()  # numpy counts in half the time of a call of torch
    return bool(np.count_nonzero(first) <= SPARSE * first.size)
