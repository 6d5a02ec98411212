"""Products of sparse states with weights in float32: rows of the weights added up, block by block."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, types

from harmonium.kernels.compiled.copies import copy
from harmonium.kernels.compiled.intrinsics import LANES, floats_at
from harmonium.kernels.compiled.lists import list_ones
from harmonium.kernels.compiled.pieces import arrive, next_piece
from harmonium.kernels.compiled.sums import ROW, add_rows_of_floats, add_scaled_rows_of_floats

TABLE = types.void(types.CPointer(types.int64))


@cfunc(TABLE, cache=True, error_model="numpy")
def product_of_floats(table: Any) -> None:
    """x (cases, n) W (n, m) -> out (cases, m), adding a row of packed W for every x that is not as usual.

    table: x, blocks of W, out, cases, n, m, cases a piece, usual states (n,), what they give (m and 64 more), or 0.
    """
    counter, cases, n, m, most = table[0], table[4], table[5], table[6], table[7]
    x, out = carray(floats_at(table[1]), (cases, n)), carray(floats_at(table[3]), (cases * m,))
    usual, base = carray(floats_at(table[8]), (n,)), table[9]
    index, value = np.empty((most, n + 1), np.int32), np.empty((most, n + 1), np.float32)
    counts, buffer = np.empty(most, np.int64), np.empty(LANES, np.float32)
    ones, values, apart = index.ctypes.data, value.ctypes.data, 4 * (n + 1)
    side, pieces = arrive(counter), (cases + most - 1) // most
    start = next_piece(counter, side, pieces) * most
    while start < cases:
        stop, binary = min(cases, start + most), True
        for case in range(start, stop):
            counts[case - start], plain = list_ones(x[case], usual, index[case - start], value[case - start])
            binary &= plain
        # Blocks outside: all cases of this piece find one of them in the nearest cache.
        for j in range(0, m, LANES):
            rows, begin = table[2] + ((j // LANES * n) << ROW), base + 4 * j if base else 0
            for case in range(start, stop):
                k = case - start
                target = table[3] + 4 * (case * m + j) if j + LANES <= m else buffer.ctypes.data
                if binary:
                    add_rows_of_floats(target, rows, 0, ones + k * apart, values, counts[k], begin)
                else:
                    add_scaled_rows_of_floats(target, rows, 0, ones + k * apart, values + k * apart, counts[k], begin)
                if j + LANES > m:
                    copy(buffer, out, case * m + j, m - j)
        start = next_piece(counter, side, pieces) * most
