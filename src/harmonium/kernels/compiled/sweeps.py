"""Gibbs sweeps of some chains at a time, of which neither states nor fields leave the near caches."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit

from harmonium.kernels.compiled.bits import bits_of_states, blocks_of, room_for, write_states
from harmonium.kernels.compiled.copies import copy
from harmonium.kernels.compiled.drawing import COUNTERS
from harmonium.kernels.compiled.intrinsics import (
    LANES,
    fetch_and_increment,
    floats_at,
    halves_at,
    longs_at,
    mask_of_different,
    words_at,
)
from harmonium.kernels.compiled.philox import ROUNDS, fill_keys
from harmonium.kernels.compiled.pieces import arrive, next_piece

LINE, ONE, ZERO = 64, np.float32(1), np.float32(0)


@njit(nogil=True, error_model="numpy")
def _padded(bias: Any, width: Any) -> Any:
    out = np.zeros(width, np.float32)
    copy(bias, out, 0, len(bias))
    return out


@njit(inline="always")
def _pitch(width: Any) -> Any:
    """Return how many states lie from a case to the next, so that lines of a row are odd in number, for the cache."""
    return width + LANES * (1 - width // LANES % 2)


@njit(nogil=True, error_model="numpy")
def _store(cases: Any, width: Any) -> Any:
    """Return the memory of `_states`, to be named as long as these are used: numba frees what is not used any more."""
    return np.zeros(2 * cases * _pitch(width) + LINE, np.uint8)


@njit(nogil=True, error_model="numpy")
def _states(store: Any, cases: Any, width: Any) -> Any:
    """Return room for states of 16 bits, (cases, width and more), at a multiple of 64 bytes."""
    return carray(halves_at((store.ctypes.data + LINE - 1) // LINE * LINE), (cases, _pitch(width)))


@njit(nogil=True, error_model="numpy")
def _write_bits(states: Any, count: Any, n: Any, bits: Any, first: Any) -> None:
    """Write n states of some cases as bits; those drawn beyond the last unit, to fill a register, are left out."""
    ends = (np.uint64(1) << np.uint64(n % LANES)) - np.uint64(1)
    for k in range(count):
        row = states.ctypes.data + 2 * k * states.shape[1]
        for block in range(n // LANES):
            bits[block, first + k] = bits_of_states(row + LINE * block)
        if n % LANES:
            bits[n // LANES, first + k] = bits_of_states(row + LINE * (n // LANES)) & ends


@njit(nogil=True, error_model="numpy")
def _read_bits(x: Any, zeros: Any, ones: Any, bits: Any, case: Any) -> Any:
    """Write x (n,) as the bits of a case; return whether a state is neither 0 nor 1."""
    lost, whole = np.uint64(0), len(x) // LANES
    for block in range(whole):
        place = x.ctypes.data + 4 * LANES * block
        mask = mask_of_different(place, zeros)
        lost |= mask & mask_of_different(place, ones)
        bits[block, case] = mask
    if whole * LANES < len(x):
        mask = np.uint64(0)
        for k in range(np.uint64(len(x) - whole * LANES)):
            v = x[np.uint64(whole * LANES) + k]
            mask |= np.uint64(v != ZERO) << k
            lost |= np.uint64((v != ZERO) & (v != ONE))
        bits[whole, case] = mask
    return lost != 0


def starter(one: int, multiply: Any, block: int) -> Any:
    """Return the function that takes binary states for the start of sweeps, with the arguments of `sweeper`."""

    @njit(nogil=True, error_model="numpy")
    def start(table: Any) -> None:
        """x (cases, n) -> x as bits (`bits.py`), and W^T x (cases, m).

        table: x, rows of W, field, bits, cases, n, m, what `multiply` is told, cases a piece, address of an int64,
        which is raised if a state is neither 0 nor 1: then neither result is right.
        """
        counter, cases, n, m, how, most = table[0], table[5], table[6], table[7], table[8], table[9]
        x, field = carray(floats_at(table[1]), (cases, n)), carray(floats_at(table[3]), (cases, m))
        bits = carray(words_at(table[4]), (blocks_of(n), room_for(cases)))
        below = blocks_of(n) * LANES
        out, store = np.zeros((most, (m + block - 1) // block * block), np.float32), _store(most, below)
        states, limits = _states(store, most, below), np.zeros((2, LANES), np.float32)
        limits[1] = ONE
        zeros, ones = limits[0].ctypes.data, limits[1].ctypes.data
        side, pieces = arrive(counter), (cases + most - 1) // most
        piece = next_piece(counter, side, pieces)
        while piece < pieces:
            first = piece * most
            count = min(cases, first + most) - first
            for k in range(count):
                if _read_bits(x[first + k], zeros, ones, bits, first + k):
                    fetch_and_increment(table[10])
                row = states.ctypes.data + 2 * k * states.shape[1]
                for j in range(blocks_of(n)):
                    write_states(np.uint64(bits[j, first + k]), one, row + LINE * j)
            multiply(states, count, n, m, table[2], how, out)
            for k in range(count):
                copy(out[k], field[first + k], 0, m)
            piece = next_piece(counter, side, pieces)
        store[0], limits[0, 0] = 0, ZERO  # numba frees what is not used any more, and these are read by their addresses

    return start


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

        table: field, rows of W, columns of W, bias of h, bias of v, v or 0, field, cases, n, m, what `multiply` is
        told, sweeps, the keys (sweeps, 2) of h and v, cases a piece, address of the factor that fields count by, v as
        bits (`bits.py`) or 0.
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
        bits, store = carray(words_at(table[16]), (blocks_of(n), room_for(cases))), _store(most, max(above, below))
        states = _states(store, most, max(above, below))
        side, pieces = arrive(counter), (cases + most - 1) // most
        piece = next_piece(counter, side, pieces)
        while piece < pieces:
            first = piece * most
            count = min(cases, first + most) - first
            for k in range(count):
                copy(field[first + k], up[k], 0, m)
            for sweep in range(sweeps):
                draw(up, count, scale, of_hidden, m, first, of_sweep[sweep, 0], keys, states)
                multiply(states, count, m, n, table[3], how, down)
                draw(down, count, scale, of_visible, n, first, of_sweep[sweep, 1], keys, states)
                multiply(states, count, n, m, table[2], how, up)
            for k in range(count):
                copy(up[k], found[first + k], 0, m)
                for j in range(n if table[6] != 0 else 0):
                    visible[first + k, j] = ONE if states[k, j] == is_on else ZERO
            if table[16] != 0:
                _write_bits(states, count, n, bits, first)
            piece = next_piece(counter, side, pieces)
        store[0] = 0  # numba frees what is not used any more, and states are read by their address

    return sweep
