"""A step of gradient descent on the weights in one pass over them, in float32, from the ones of sparse states."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from harmonium.kernels.compiled.descent import TILE, add_to_first, arrays_of, descend_rows, pack_phases, states_of
from harmonium.kernels.compiled.intrinsics import LANES, floats_at
from harmonium.kernels.compiled.lists import list_cases
from harmonium.kernels.compiled.pieces import STAGE, arrive, finish_piece, next_piece
from harmonium.kernels.compiled.sums import ROW, add_rows_of_floats, add_scaled_rows_of_floats

TABLE = types.void(types.CPointer(types.int64))


@njit(nogil=True, error_model="numpy")
def _add_phase(
    x: Any, first: Any, last: Any, y: Any, shift: Any, apart: Any, width: Any, lists: Any, gradient: Any, keep: Any
) -> None:
    """Add x' y of one phase to the gradient of some visible units, tile by tile of cases.

    y is the address of all means in blocks, `apart` bytes from one to the next; this phase begins at case `shift`.
    """
    index, value, counts = lists
    out, wide = gradient.ctypes.data, gradient.shape[1]
    if len(x) == 0 and not keep:
        gradient[:] = 0
    ones, values, of_unit = index.ctypes.data, value.ctypes.data, 4 * index.shape[1]
    for start in range(0, len(x), TILE):
        binary = list_cases(x, first, last, start, min(len(x), start + TILE), index, value, counts)
        kept = keep or start > 0
        # Blocks outside: all units of this piece find the tile of one of them in the nearest cache.
        for block in range(width):
            rows = y + block * apart + ((shift + start) << ROW)
            for k in range(last - first):
                target, count, where = out + 4 * (k * wide + block * LANES), np.int64(counts[np.uint64(k)]), k * of_unit
                begin = target if kept else 0
                if binary:
                    add_rows_of_floats(target, rows, 0, ones + where, values, count, begin)
                else:
                    add_scaled_rows_of_floats(target, rows, 0, ones + where, values + where, count, begin)


@cfunc(TABLE, cache=True, error_model="numpy")
def descend(table: Any) -> None:
    """One step of stochastic gradient descent on the weights.

        g = x_model' y_model + x_data' y_data - a d',  then as `_descend_row`

    where the y are less the hidden offsets, and times their factors.

    table: x_model, cases, x_data, cases, y_model, y_data, room for both y in blocks, W, velocity, n, m, address of
    (decay, momentum, rate, factor of the model, of the data, 1, 1), visible units a piece (a multiple of 32), offsets
    (or 0): visible (n,), hidden (m,), differences of means (m,); dots (n,), sums (pieces, m), the first all at last.
    """
    counter, of_model, of_data, n, m, units = table[0], table[2], table[4], table[10], table[11], table[13]
    (x_model, x_data), (y, weights, velocity, factors, centre, sums) = states_of(table), arrays_of(table)
    width, side = (m + LANES - 1) // LANES, arrive(counter)
    means = carray(floats_at(table[7]), (width, of_model + of_data, LANES))
    pack_phases(counter, side, y, of_model, means, centre[2][0], factors)
    index, value = np.empty((units, TILE + 1), np.int32), np.empty((units, TILE + 1), np.float32)
    lists = index, value, np.empty(units, np.uint64)
    gradient, apart = np.empty((units, width * LANES), np.float32), (of_model + of_data) << ROW
    pieces = (n + units - 1) // units
    piece = next_piece(counter + STAGE, side, pieces)
    while piece < pieces:
        first, last = piece * units, min(n, (piece + 1) * units)
        _add_phase(x_model, first, last, table[7], 0, apart, width, lists, gradient, False)
        _add_phase(x_data, first, last, table[7], of_model, apart, width, lists, gradient, True)
        descend_rows(weights, velocity, gradient, first, last, factors, centre, sums[piece])
        if finish_piece(counter + STAGE, pieces) and centre[0]:
            add_to_first(sums)
        piece = next_piece(counter + STAGE, side, pieces)
