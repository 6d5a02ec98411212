"""Products of sparse states with weights: rows of the weights added up, block by block."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from harmonium.kernels.compiled.intrinsics import (
    LANES,
    add_rows_of_floats,
    add_rows_of_pairs,
    add_scaled_rows_of_floats,
    add_scaled_rows_of_pairs,
    fetch_and_increment,
    floats_at,
)
from harmonium.kernels.compiled.lists import list_ones

TABLE = types.void(types.CPointer(types.int64))
WORD_ROW, FLOAT_ROW = np.int64(6), np.int64(7)
"""Binary logarithms of the bytes of a row of a block, of pairs and of float32."""


@njit(nogil=True, error_model="numpy")
def _copy(source: Any, target: Any, start: Any, count: Any) -> None:
    """Copy some numbers; slices of arrays cost more than so short a copy."""
    for k in range(count):
        target[np.uint64(start + k)] = source[np.uint64(k)]


@njit(inline="always")
def _list_piece(x: Any, start: Any, stop: Any, index: Any, value: Any, counts: Any) -> Any:
    """List the ones of some cases; return whether all that is not 0 is 1."""
    binary = True
    for case in range(start, stop):
        counts[case - start], plain = list_ones(x[case], index[case - start], value[case - start])
        binary &= plain
    return binary


@njit(inline="always")
def _add_rows(target: Any, block: Any, row: Any, ones: Any, values: Any, count: Any, binary: Any) -> None:
    """Sum rows of pairs or of float32, each once where all states are 0 or 1."""
    if row == WORD_ROW:
        if binary:
            add_rows_of_pairs(target, block, WORD_ROW, ones, values, count, 0)
        else:
            add_scaled_rows_of_pairs(target, block, WORD_ROW, ones, values, count, 0)
    elif binary:
        add_rows_of_floats(target, block, FLOAT_ROW, ones, values, count, 0)
    else:
        add_scaled_rows_of_floats(target, block, FLOAT_ROW, ones, values, count, 0)


@cfunc(TABLE, cache=True, error_model="numpy")
def product_of_sparse(table: Any) -> None:
    """x (cases, n) W (n, m) -> out (cases, m), adding a row of packed W for every x that is not 0.

    table: x, blocks of W, out, cases, n, m, cases a piece, binary logarithm of the bytes of a row of a block.
    """
    counter, cases, n, m, most, row = table[0], table[4], table[5], table[6], table[7], table[8]
    x, out = carray(floats_at(table[1]), (cases, n)), carray(floats_at(table[3]), (cases * m,))
    index, value = np.empty((most, n + 1), np.int32), np.empty((most, n + 1), np.float32)
    counts, buffer = np.empty(most, np.int64), np.empty(LANES, np.float32)
    where, what, apart = index.ctypes.data, value.ctypes.data, 4 * (n + 1)
    start = fetch_and_increment(counter) * most
    while start < cases:
        stop = min(cases, start + most)
        binary = _list_piece(x, start, stop, index, value, counts)
        # Blocks outside: all cases of this piece find one of them in the nearest cache.
        for j in range(0, m, LANES):
            block = table[2] + ((j // LANES * n) << row)
            for case in range(start, stop):
                k = case - start
                target = table[3] + 4 * (case * m + j) if j + LANES <= m else buffer.ctypes.data
                _add_rows(target, block, row, where + k * apart, what + k * apart, counts[k], binary)
                if j + LANES > m:
                    _copy(buffer, out, case * m + j, m - j)
        start = fetch_and_increment(counter) * most
