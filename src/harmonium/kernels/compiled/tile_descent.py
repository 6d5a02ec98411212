"""A step of gradient descent on the weights in one pass over them, its gradient from the matrix registers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from harmonium.kernels.compiled.bits import write_turned
from harmonium.kernels.compiled.descent import add_to_first, arrays_of, bits_of, descend_rows, pack_pairs, states_of
from harmonium.kernels.compiled.drawing import ONE_IN_BFLOAT16
from harmonium.kernels.compiled.intrinsics import HALF, LANES, words_at
from harmonium.kernels.compiled.packing import ONE, pack_columns, pack_rows, pairs_of
from harmonium.kernels.compiled.pieces import STAGE, arrive, finish_piece, next_piece
from harmonium.kernels.compiled.sums import ROW
from harmonium.kernels.compiled.tile_products import PARTS
from harmonium.kernels.compiled.tiles import (
    HALF_STEP,
    ROW_OF_TILE,
    STEP,
    add_product,
    clear_sums,
    close_tiles,
    open_tiles,
    turn_cases,
    turn_cases_in_parts,
    write_sums,
)

TABLE = types.void(types.CPointer(types.int64))


@njit(nogil=True, error_model="numpy")
def _turn_phase(x: Any, first: Any, last: Any, left: Any) -> Any:
    """Write up to 32 units of x (cases, n) as left tiles whose rows are units, part by part; return the parts.

    One where all states are exact in bfloat16, else three.
    """
    cases, n = x.shape
    steps, scratch = (cases + LANES - 1) // LANES, np.zeros((LANES, HALF), np.float32)
    for parts in (1, PARTS):
        lost = 0
        for step in range(steps):
            for half in range(2):
                start, begin = step * LANES, first + half * HALF
                source, apart = x.ctypes.data + 4 * (start * n + begin), 4 * n
                if start + LANES > cases or begin + HALF > last:
                    source, apart = scratch.ctypes.data, 4 * HALF
                    scratch[:] = 0
                    for k in range(min(LANES, cases - start)):
                        for i in range(min(HALF, last - begin)):
                            scratch[k, i] = x[start + k, begin + i]
                target = left + step * STEP + half * HALF_STEP
                if parts == 1:
                    lost |= turn_cases(source, apart, target, steps * STEP)
                else:
                    turn_cases_in_parts(source, apart, target, steps * STEP)
        if not lost:
            return parts
    return PARTS


@njit(nogil=True, error_model="numpy")
def _turn_states(table: Any, first: Any, last: Any, left: Any, further: Any) -> Any:
    """Write up to 32 units of the float32 states of a table as left tiles; return the parts of model and data."""
    x_model, x_data = states_of(table)
    return _turn_phase(x_model, first, last, left), _turn_phase(x_data, first, last, left + further)


@njit(nogil=True, error_model="numpy")
def _turn_bits(table: Any, first: Any, _last: Any, left: Any, further: Any) -> Any:
    """Do the same with the states of a table as bits, of which one part is enough."""
    of_model, of_data = bits_of(table)
    for bits, target in ((of_model, left), (of_data, left + further)):
        row = bits.ctypes.data + 4 * (first // LANES * bits.shape[1])
        for step in range(bits.shape[1] // LANES):
            write_turned(row + 4 * LANES * step, ONE_IN_BFLOAT16, target + step * STEP)
    return 1, 1


def _descender(turn_states: Any) -> Any:
    """Return the step, by the function that lays out visible states."""

    @njit(nogil=True, error_model="numpy")
    def descend(table: Any) -> None:
        counter, of_model, of_data, n, m, units = table[0], table[2], table[4], table[10], table[11], table[13]
        y, weights, velocity, factors, centre, sums = arrays_of(table)
        width, side = (m + LANES - 1) // LANES, arrive(counter)
        shift, of_both = pack_pairs(table, side, y, centre, factors)
        rows = carray(words_at(table[19]), (width, pairs_of(n), LANES))
        columns = carray(words_at(table[20]), ((n + LANES - 1) // LANES, pairs_of(m), LANES))
        steps_model, steps_data = (of_model + LANES - 1) // LANES, (of_data + LANES - 1) // LANES
        of_model_tiles, of_group = PARTS * STEP * steps_model, PARTS * STEP * (steps_model + steps_data)
        groups, parts = (units + LANES - 1) // LANES, np.empty((2, units), np.int64)
        store = np.empty(groups * of_group + 64, np.uint8)
        gradient, nothing = np.empty((units, width * LANES), np.float32), np.zeros(m, np.float32)
        tiles, pieces = (store.ctypes.data + 63) // 64 * 64, (n + units - 1) // units
        open_tiles()
        piece = next_piece(counter + STAGE, side, pieces)
        while piece < pieces:
            first, last = piece * units, min(n, (piece + 1) * units)
            for k in range((last - first + LANES - 1) // LANES):
                begin, end, left = first + k * LANES, min(last, first + (k + 1) * LANES), tiles + k * of_group
                parts[0, k], parts[1, k] = turn_states(table, begin, end, left, of_model_tiles)
            # Blocks outside: all units of this piece find one of them in a near cache.
            for block in range(width):
                packed = table[7] + (block * of_both << ROW)
                for k in range((last - first + LANES - 1) // LANES):
                    left = tiles + k * of_group
                    clear_sums()
                    for part in range(parts[0, k]):
                        add_product(left + part * STEP * steps_model, ROW_OF_TILE, STEP, packed, steps_model)
                    left += of_model_tiles
                    for part in range(parts[1, k]):
                        add_product(
                            left + part * STEP * steps_data, ROW_OF_TILE, STEP, packed + (shift << ROW), steps_data
                        )
                    write_sums(gradient.ctypes.data + 4 * LANES * (k * LANES * width + block), 4 * LANES * width)
            descend_rows(weights, velocity, gradient, first, last, factors, centre, sums[piece])
            pack_rows(weights, rows, first, last, nothing, ONE, 0)
            pack_columns(weights, columns, first, last, ONE, 0)
            if finish_piece(counter + STAGE, pieces) and centre[0]:
                add_to_first(sums)
            piece = next_piece(counter + STAGE, side, pieces)
        close_tiles()
        store[0] = 0  # numba frees what is not used any more, and the tiles are read by their address

    return descend


_descend, _descend_bits = _descender(_turn_states), _descender(_turn_bits)


@cfunc(TABLE, cache=True, error_model="numpy")
def descend_tiles(table: Any) -> None:
    """Do what `float_descent.descend` does with means in bfloat16, and pack the new weights.

    table: as there, and pairs of the rows and of the columns of W.
    """
    _descend(table)


@cfunc(TABLE, cache=True, error_model="numpy")
def descend_tiles_bits(table: Any) -> None:
    """Do the same with visible states as bits (`bits.py`)."""
    _descend_bits(table)
