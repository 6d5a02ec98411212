"""Gibbs sweeps of some chains at a time, of which neither states nor fields leave the near caches."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit

from harmonium.kernels.compiled.drawing import COUNTERS
from harmonium.kernels.compiled.intrinsics import LANES, floats_at, halves_at, longs_at
from harmonium.kernels.compiled.philox import ROUNDS, fill_keys
from harmonium.kernels.compiled.pieces import arrive, next_piece

LINE, ONE, ZERO = 64, np.float32(1), np.float32(0)


@njit(nogil=True, error_model="numpy")
def _padded(bias: Any, width: Any) -> Any:
    out = np.zeros(width, np.float32)
    out[: len(bias)] = bias
    return out


def _drawer(draw_states: Any) -> Any:
    @njit(nogil=True, error_model="numpy")
    def draw(
        field: Any, cases: Any, scale: Any, bias: Any, n: Any, first: Any, key: Any, keys: Any, states: Any
    ) -> None:
        """Draw the states of n units of some cases, of which the first has this number.

        The numbers are those of `samplers.sample_from_field`: n is at least four times `COUNTERS`, and fields and
        biases have room for three more units. States of these are drawn too; no weights are theirs.
        """
        quarter = (n + 3) // 4
        fill_keys(keys, key)
        for k in range(cases):
            for start in range(0, quarter, COUNTERS):
                j = min(start, quarter - COUNTERS)  # the last ones may be drawn twice
                draw_states(
                    field.ctypes.data + 4 * (k * field.shape[1] + j),
                    scale,
                    bias.ctypes.data + 4 * j,
                    (first + k) * quarter + j,
                    keys.ctypes.data,
                    quarter,
                    states.ctypes.data + 2 * (k * states.shape[1] + j),
                )

    return draw


def sweeper(draw_states: Any, one: int, multiply: Any, block: int) -> Any:
    """Return the function that sweeps, by what draws states, of which `one` is a one, and by what multiplies them.

    ``multiply(states, cases, n, m, right, how, out)`` writes their product with packed weights, whole blocks of so many
    columns.
    """
    draw, is_on = _drawer(draw_states), np.uint16(one)

    @njit(nogil=True, error_model="numpy")
    def sweep(table: Any) -> None:
        """W^T v (cases, m) -> v (cases, n) and W^T v after sweeps of binary units: h given v, v given h.

        table: field, rows of W, columns of W, bias of h, bias of v, v, field, cases, n, m, what `multiply` is told,
        sweeps, the keys (sweeps, 2) of h and v, cases a piece, address of the factor that fields count by.
        """
        counter, cases, n, m, how, sweeps, most = (
            table[0],
            table[8],
            table[9],
            table[10],
            table[11],
            table[12],
            table[14],
        )
        field, found = carray(floats_at(table[1]), (cases, m)), carray(floats_at(table[7]), (cases, m))
        visible, of_sweep = carray(floats_at(table[6]), (cases, n)), carray(longs_at(table[13]), (sweeps, 2))
        scale, keys = carray(floats_at(table[15]), (1,))[0], np.empty(2 * ROUNDS, np.int64)
        above, below = (m + block - 1) // block * block, (n + block - 1) // block * block
        of_hidden = _padded(carray(floats_at(table[4]), (m,)), above)
        of_visible = _padded(carray(floats_at(table[5]), (n,)), below)
        up, down = np.zeros((most, above), np.float32), np.zeros((most, below), np.float32)
        pitch = max(above, below) + LANES * (
            1 - max(above, below) // LANES % 2
        )  # lines of a row are odd, for the cache
        store = np.zeros(2 * most * pitch + LINE, np.uint8)
        states = carray(halves_at((store.ctypes.data + LINE - 1) // LINE * LINE), (most, pitch))
        side, pieces = arrive(counter), (cases + most - 1) // most
        piece = next_piece(counter, side, pieces)
        while piece < pieces:
            first = piece * most
            count = min(cases, first + most) - first
            up[:count, :m] = field[first : first + count]
            for sweep in range(sweeps):
                draw(up, count, scale, of_hidden, m, first, of_sweep[sweep, 0], keys, states)
                multiply(states, count, m, n, table[3], how, down)
                draw(down, count, scale, of_visible, n, first, of_sweep[sweep, 1], keys, states)
                multiply(states, count, n, m, table[2], how, up)
            for k in range(count):
                for j in range(n):
                    visible[first + k, j] = ONE if states[k, j] == is_on else ZERO
                found[first + k] = up[k, :m]
            piece = next_piece(counter, side, pieces)
        store[0] = 0  # numba frees what is not used any more, and states are read by their address

    return sweep
