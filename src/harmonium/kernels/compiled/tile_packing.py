"""Weights laid out in bfloat16 for the processor's matrix registers, in one part or in three."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from harmonium.kernels.compiled.intrinsics import LANES, floats_at, words_at
from harmonium.kernels.compiled.packing import HALF_WORD, ONE, pack_columns, pack_rows, pairs_of, rounded
from harmonium.kernels.compiled.pieces import arrive, next_piece

TABLE = types.void(types.CPointer(types.int64))


@njit(nogil=True, error_model="numpy")
def _pack_in_parts(weights: Any, rows: Any, columns: Any, first: Any, parts: Any, left: Any) -> None:
    """Pack some rows of W, from `first` on, part by part: each is what the parts before leave of W, rounded."""
    (count, m), nothing = weights.shape, np.zeros(weights.shape[1], np.float32)
    for i in range(np.uint64(count)):
        for j in range(np.uint64(m)):
            left[i, j] = weights[i, j]
    for part in range(parts):
        pack_rows(left, rows, 0, count, nothing, ONE, part * (rows.shape[1] // parts) + first // 2)
        pack_columns(left, columns[first // LANES :], 0, count, ONE, part * (columns.shape[1] // parts))
        for i in range(np.uint64(count)):
            for j in range(np.uint64(m)):
                left[i, j] -= np.uint32(rounded(left[i, j]) << HALF_WORD).view(np.float32)


@cfunc(TABLE, cache=True, error_model="numpy")
def pack(table: Any) -> None:
    """W (n, m) -> pairs of its rows and of its columns in bfloat16, all parts of W.

    table: W, both, n, m, rows a piece (a multiple of 32), parts.
    """
    counter, n, m, units, parts = table[0], table[4], table[5], table[6], table[7]
    nothing = np.zeros(m, np.float32)
    weights, left = carray(floats_at(table[1]), (n, m)), np.empty((units if parts > 1 else 0, m), np.float32)
    rows = carray(words_at(table[2]), ((m + LANES - 1) // LANES, parts * pairs_of(n), LANES))
    columns = carray(words_at(table[3]), ((n + LANES - 1) // LANES, parts * pairs_of(m), LANES))
    side, pieces = arrive(counter), (n + units - 1) // units
    first = next_piece(counter, side, pieces) * units
    while first < n:
        last = min(n, first + units)
        if parts == 1:
            pack_rows(weights, rows, first, last, nothing, ONE, 0)
            pack_columns(weights, columns, first, last, ONE, 0)
        else:
            _pack_in_parts(weights[first:last], rows, columns, first, parts, left)
        first = next_piece(counter, side, pieces) * units
