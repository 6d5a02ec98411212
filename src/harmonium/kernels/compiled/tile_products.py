"""Products of states with packed weights in the processor's matrix registers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from harmonium.kernels.compiled.intrinsics import LANES, floats_at
from harmonium.kernels.compiled.packing import pairs_of
from harmonium.kernels.compiled.pieces import arrive, next_piece
from harmonium.kernels.compiled.sums import ROW
from harmonium.kernels.compiled.tiles import (
    ROW_OF_TILE,
    STEP,
    add_product,
    clear_sums,
    close_tiles,
    lay_out,
    lay_out_in_parts,
    open_tiles,
    write_sums,
)

TABLE = types.void(types.CPointer(types.int64))
PARTS = 3
"""So many bfloat16 make a float32: 8 bits each of its 24."""


@njit(nogil=True, error_model="numpy")
def _lay_out_cases(x: Any, first: Any, last: Any, left: Any, further: Any) -> Any:
    """Write some cases of x (cases, n) as left tiles, of which each part takes `further` bytes; return the parts.

    One where all states are exact in bfloat16, else three.
    """
    n, whole, end = x.shape[1], x.shape[1] // LANES, np.zeros(LANES, np.float32)
    for parts in (1, PARTS):
        lost = 0
        for case in range(first, last):
            for step in range((n + LANES - 1) // LANES):
                source, target = x.ctypes.data + 4 * (n * case + LANES * step), left + 64 * (case - first) + STEP * step
                if step == whole:
                    source = end.ctypes.data
                    for k in range(n - whole * LANES):
                        end[k] = x[case, whole * LANES + k]
                lost |= lay_out(source, target, further) if parts == 1 else lay_out_in_parts(source, target, further)
        if not lost:
            return parts
    return PARTS


@cfunc(TABLE, cache=True, error_model="numpy")
def product_of_tiles(table: Any) -> None:
    """x (cases, n) W (n, m) -> out (cases, m).

    Of the products of parts of x with parts of W those count that reach the 24 bits of a float32. A case has the same
    sums whether its neighbours have one part or three, as what is added then is 0.

    table: x, packed W, out, cases, n, m, parts of W, cases a piece (a multiple of 32), and how many pieces share the
    columns of the same cases.
    """
    counter, cases, n, m, parts, most, shares = table[0], table[4], table[5], table[6], table[7], table[8], table[9]
    x, out = carray(floats_at(table[1]), (cases, n)), carray(floats_at(table[3]), (cases, m))
    steps, pairs, width = (n + LANES - 1) // LANES, pairs_of(n), (m + LANES - 1) // LANES
    further, columns = STEP * steps, (width + shares - 1) // shares
    store, buffer = np.empty(most // LANES * PARTS * further + 64, np.uint8), np.empty((LANES, LANES), np.float32)
    left, of_states = (store.ctypes.data + 63) // 64 * 64, np.empty(most // LANES, np.int64)
    open_tiles()
    side, pieces = arrive(counter), (cases + most - 1) // most * shares
    piece = next_piece(counter, side, pieces)
    while piece < pieces:
        start = piece // shares * most
        stop = min(cases, start + most)
        for first in range(start, stop, LANES):
            k = (first - start) // LANES
            of_states[k] = _lay_out_cases(x, first, min(stop, first + LANES), left + k * PARTS * further, further)
        # Blocks outside: all cases of this piece find one of them in a near cache.
        for block in range(piece % shares * columns, min(width, (piece % shares + 1) * columns)):
            for first in range(start, stop, LANES):
                k, last = (first - start) // LANES, min(stop, first + LANES)
                clear_sums()
                for one in range(of_states[k]):
                    for other in range(min(parts, PARTS - one)):
                        right = table[2] + ((block * parts + other) * pairs << ROW)
                        add_product(left + (k * PARTS + one) * further, ROW_OF_TILE, STEP, right, steps)
                if last - first == LANES and (block + 1) * LANES <= m:
                    write_sums(table[3] + 4 * (first * m + block * LANES), 4 * m)
                else:
                    write_sums(buffer.ctypes.data, 4 * LANES)
                    for i in range(np.uint64(last - first)):
                        for j in range(np.uint64(min(LANES, m - block * LANES))):
                            out[np.uint64(first) + i, np.uint64(block * LANES) + j] = buffer[i, j]
        piece = next_piece(counter, side, pieces)
    close_tiles()
    store[0] = 0  # numba frees what is not used any more, and the tiles are read by their address
