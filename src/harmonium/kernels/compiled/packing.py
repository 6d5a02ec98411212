"""Weights and means laid out in blocks of 32 columns, for sums of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from harmonium.kernels.compiled.intrinsics import (
    HALF,
    LANES,
    fetch_and_increment,
    floats_at,
    pack_pairs,
    pack_transposed,
    words_at,
)

TABLE = types.void(types.CPointer(types.int64))
HALF_WORD, ROUND, ZERO = np.uint32(16), np.uint32(0x7FFF), np.float32(0)


@njit(inline="always")
def rounded(x: Any) -> Any:
    """Return the bfloat16 nearest to a float32, ties to even, as the lower half of a word."""
    bits = np.float32(x).view(np.uint32)
    even = np.uint32(np.uint32(bits >> HALF_WORD) & np.uint32(1))
    return np.uint32(np.uint32(bits + ROUND + even) >> HALF_WORD)


@njit(inline="always")
def _pair(low: Any, high: Any) -> Any:
    """Return a word that holds two rounded numbers."""
    return np.uint32(rounded(low) | np.uint32(rounded(high) << HALF_WORD))


@njit(nogil=True, error_model="numpy")
def pack_rows(weights: Any, pairs: Any, first: Any, last: Any) -> None:
    """Round some rows of the weights (n, m) into pairs (blocks, n, 16): columns l and l + 16 of a block of 32."""
    n, m = weights.shape
    for block in range(m // LANES):
        source, target = weights.ctypes.data + 4 * LANES * block, pairs.ctypes.data + 4 * HALF * n * block
        for i in range(first, last):
            pack_pairs(source + 4 * m * i, target + 4 * HALF * i)
    if m % LANES:
        whole = np.uint64(m // LANES)
        for i in range(np.uint64(first), np.uint64(last)):
            for k in range(np.uint64(HALF)):
                j = np.int64(whole) * LANES + np.int64(k)
                low = weights[i, j] if j < m else ZERO
                high = weights[i, j + HALF] if j + HALF < m else ZERO
                pairs[whole, i, k] = _pair(low, high)


@njit(nogil=True, error_model="numpy")
def pack_columns(weights: Any, pairs: Any, first: Any, last: Any) -> None:
    """Do the same for the transpose: some rows of the weights (n, m) into pairs (blocks of n, m, 16)."""
    m, block_bytes = weights.shape[1], 4 * HALF * weights.shape[1]
    for start in range(first, last, LANES):
        block, whole = start // LANES, 0
        if start + LANES <= last:
            whole = m // HALF * HALF
            for j in range(0, whole, HALF):
                source = weights.ctypes.data + 4 * (start * m + j)
                pack_transposed(source, 4 * m, pairs.ctypes.data + block * block_bytes + 4 * HALF * j)
        _pack_columns_singly(weights, pairs, start, min(last, start + LANES), whole)


@njit(nogil=True, error_model="numpy")
def _pack_columns_singly(weights: Any, pairs: Any, start: Any, last: Any, column: Any) -> None:
    """Pack the columns of a block of rows from one column on, number by number; rows that lack count as 0."""
    block = np.uint64(start // LANES)
    for k in range(HALF):
        lower, upper, place = np.uint64(start + k), np.uint64(start + k + HALF), np.uint64(k)
        for j in range(np.uint64(column), np.uint64(weights.shape[1])):
            low = weights[lower, j] if start + k < last else ZERO
            pairs[block, j, place] = _pair(low, weights[upper, j] if start + k + HALF < last else ZERO)


@cfunc(TABLE, cache=True, error_model="numpy")
def pack(table: Any) -> None:
    """W (n, m) -> pairs of its rows and of its columns; table: W, both, n, m, rows a piece (a multiple of 32)."""
    counter, n, m, units = table[0], table[4], table[5], table[6]
    weights = carray(floats_at(table[1]), (n, m))
    rows = carray(words_at(table[2]), ((m + LANES - 1) // LANES, n, HALF))
    columns = carray(words_at(table[3]), ((n + LANES - 1) // LANES, m, HALF))
    first = fetch_and_increment(counter) * units
    while first < n:
        pack_rows(weights, rows, first, min(n, first + units))
        pack_columns(weights, columns, first, min(n, first + units))
        first = fetch_and_increment(counter) * units


@cfunc(TABLE, cache=True, error_model="numpy")
def pack_floats(table: Any) -> None:
    """factor y (cases, m) -> some rows of (blocks, all, 32), 0 beyond m.

    table: y, out, cases, m, first row, all, address of the factor.
    """
    counter, cases, m, shift = table[0], table[3], table[4], np.uint64(table[5])
    blocks = (m + LANES - 1) // LANES
    y, out = carray(floats_at(table[1]), (cases, m)), carray(floats_at(table[2]), (blocks, table[6], LANES))
    factor = carray(floats_at(table[7]), (1,))[0]
    block = fetch_and_increment(counter)
    while block < blocks:
        width = np.uint64(min(LANES, m - block * LANES))
        b, start = np.uint64(block), np.uint64(block * LANES)
        for case in range(np.uint64(cases)):
            for k in range(width):
                out[b, shift + case, k] = factor * y[case, start + k]
            for k in range(width, np.uint64(LANES)):
                out[b, shift + case, k] = ZERO
        block = fetch_and_increment(counter)
