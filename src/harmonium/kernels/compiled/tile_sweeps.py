"""Gibbs sweeps whose products are made in the processor's matrix registers: no field leaves the near caches."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from harmonium.kernels.compiled.intrinsics import LANES, floats_at, longs_at
from harmonium.kernels.compiled.packing import pairs_of
from harmonium.kernels.compiled.philox import fill_uniform
from harmonium.kernels.compiled.pieces import arrive, next_piece
from harmonium.kernels.compiled.samplers import draw_from_field
from harmonium.kernels.compiled.sums import ROW
from harmonium.kernels.compiled.tiles import STEP, add_product, clear_sums, close_tiles, lay_out, open_tiles, write_sums

TABLE = types.void(types.CPointer(types.int64))


@njit(nogil=True, error_model="numpy")
def _draw(
    field: Any, scale: Any, bias: Any, first: Any, key: Any, left: Any, uniform: Any, state: Any, out: Any
) -> None:
    """Draw the states of some cases, of which the first has this number, as left tiles, and into `out` if it has room.

    The numbers are those of `samplers.sample_from_field`.
    """
    n, quarter = len(bias), (len(bias) + 3) // 4
    steps, room = (n + LANES - 1) // LANES, len(out)
    for k in range(len(field)):
        fill_uniform(uniform[: 4 * quarter], (first + k) * quarter, key)
        draw_from_field(field[k], scale, bias, uniform, state[:n])
        row = left + STEP * steps * (k // LANES) + 64 * (k % LANES)
        for step in range(steps):
            lay_out(state.ctypes.data + 4 * LANES * step, row + STEP * step, 0)
        if k < room:
            out[k] = state[:n]


@njit(nogil=True, error_model="numpy")
def _multiply(left: Any, cases: Any, n: Any, right: Any, parts: Any, out: Any) -> None:
    """Write the product of left tiles with packed weights, each block of which all cases find in a near cache."""
    steps, pairs, apart = (n + LANES - 1) // LANES, pairs_of(n), out.shape[1]
    for block in range(apart // LANES):
        for group in range((cases + LANES - 1) // LANES):
            clear_sums()
            for part in range(parts):
                add_product(left + STEP * steps * group, right + ((block * parts + part) * pairs << ROW), steps)
            write_sums(out.ctypes.data + 4 * LANES * (group * apart + block), 4 * apart)


@cfunc(TABLE, cache=True, error_model="numpy")
def sweep_tiles(table: Any) -> None:
    """W^T v (cases, m) -> v (cases, n) and W^T v after sweeps of binary units: h given v, v given h, all of a piece.

    table: field, rows of W, columns of W, bias of h, bias of v, v, field, cases, n, m, parts of W, sweeps, the keys
    (sweeps, 2) of h and v, cases a piece (a multiple of 32), address of the factor that fields count by.
    """
    counter, cases, n, m, parts, sweeps, most = table[0], table[8], table[9], table[10], table[11], table[12], table[14]
    field, found = carray(floats_at(table[1]), (cases, m)), carray(floats_at(table[7]), (cases, m))
    of_hidden, of_visible = carray(floats_at(table[4]), (m,)), carray(floats_at(table[5]), (n,))
    visible, keys = carray(floats_at(table[6]), (cases, n)), carray(longs_at(table[13]), (sweeps, 2))
    scale = carray(floats_at(table[15]), (1,))[0]
    blocks, blocks_below = (m + LANES - 1) // LANES, (n + LANES - 1) // LANES
    up, down = np.empty((most, blocks * LANES), np.float32), np.empty((most, blocks_below * LANES), np.float32)
    widest = max(blocks, blocks_below) * LANES
    uniform, top, bottom = np.empty(widest, np.float32), np.zeros(widest, np.float32), np.zeros(widest, np.float32)
    store = np.zeros(most // LANES * STEP * max(blocks, blocks_below) + 64, np.uint8)
    left = (store.ctypes.data + 63) // 64 * 64
    open_tiles()
    side, pieces = arrive(counter), (cases + most - 1) // most
    piece = next_piece(counter, side, pieces)
    while piece < pieces:
        first = piece * most
        last = min(cases, first + most)
        up[: last - first, :m] = field[first:last]
        for sweep in range(sweeps):
            _draw(up[: last - first], scale, of_hidden, first, keys[sweep, 0], left, uniform, top, visible[:0])
            _multiply(left, last - first, m, table[3], parts, down)
            kept = visible[first : last if sweep == sweeps - 1 else first]
            _draw(down[: last - first], scale, of_visible, first, keys[sweep, 1], left, uniform, bottom, kept)
            _multiply(left, last - first, n, table[2], parts, up)
        found[first:last] = up[: last - first, :m]
        piece = next_piece(counter, side, pieces)
    close_tiles()
    store[0] = 0  # numba frees what is not used any more, and the tiles are read by their address
