"""Means of binary hidden units, and the averages over cases of these and of visible states, in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from harmonium.kernels.compiled.bits import blocks_of, count_ones, room_for
from harmonium.kernels.compiled.intrinsics import LANES, floats_at, words_at
from harmonium.kernels.compiled.pieces import arrive, finish_piece, next_piece
from harmonium.kernels.compiled.samplers import sigmoid

TABLE = types.void(types.CPointer(types.int64))


@njit(nogil=True, error_model="numpy")
def _average(sums: Any, cases: Any, out: Any) -> None:
    """Write the sum of all rows over the number of cases."""
    for piece in range(1, len(sums)):
        for j in range(len(out)):
            sums[0, j] += sums[piece, j]
    share = np.float32(1) / np.float32(cases)
    for j in range(len(out)):
        out[j] = sums[0, j] * share


@cfunc(TABLE, cache=True, error_model="numpy")
def binary_averages(table: Any) -> None:
    """v (cases, n), field (cases, m) -> sigmoid (cases, m), averages (n + m,) of v and of the sigmoid.

    table: v, field, bias (m,), sigmoid, averages, room for sums (pieces, n + m), cases, n, m, cases a piece.
    """
    counter, cases, n, m, most = table[0], table[7], table[8], table[9], table[10]
    visible, field = carray(floats_at(table[1]), (cases, n)), carray(floats_at(table[2]), (cases, m))
    bias, mean = carray(floats_at(table[3]), (m,)), carray(floats_at(table[4]), (cases, m))
    side, pieces = arrive(counter), (cases + most - 1) // most
    out, sums = carray(floats_at(table[5]), (n + m,)), carray(floats_at(table[6]), (pieces, n + m))
    piece = next_piece(counter, side, pieces)
    while piece < pieces:
        of_visible, of_hidden = sums[piece, :n], sums[piece, n:]
        sums[piece] = 0
        for case in range(piece * most, min(cases, (piece + 1) * most)):
            sigmoid(field[case], bias, mean[case])
            for i in range(n):
                of_visible[i] += visible[case, i]
            for j in range(m):
                of_hidden[j] += mean[case, j]
        if finish_piece(counter, pieces):
            _average(sums, cases, out)
        piece = next_piece(counter, side, pieces)


@njit(nogil=True, error_model="numpy")
def _average_bits(bits: Any, cases: Any, averages: Any, first: Any, apart: Any) -> None:
    """Write the averages of every `apart`-th block of units from the first on; sums of whole numbers are exact."""
    counts, share = np.empty(LANES, np.uint16), np.float32(1) / np.float32(cases)
    for block in range(first, len(bits), apart):
        count_ones(bits.ctypes.data + 4 * block * bits.shape[1], cases, counts.ctypes.data)
        for k in range(min(LANES, len(averages) - block * LANES)):
            averages[block * LANES + k] = np.float32(counts[k]) * share


@cfunc(TABLE, cache=True, error_model="numpy")
def averages_of_bits(table: Any) -> None:
    """Do what `binary_averages` does of v as bits (`bits.py`), in fewer than 2^16 cases, with a table as there."""
    counter, cases, n, m, most = table[0], table[7], table[8], table[9], table[10]
    bits, field = carray(words_at(table[1]), (blocks_of(n), room_for(cases))), carray(floats_at(table[2]), (cases, m))
    bias, mean = carray(floats_at(table[3]), (m,)), carray(floats_at(table[4]), (cases, m))
    side, pieces = arrive(counter), (cases + most - 1) // most
    out, sums = carray(floats_at(table[5]), (n + m,)), carray(floats_at(table[6]), (pieces, m))
    piece = next_piece(counter, side, pieces)
    while piece < pieces:
        of_hidden = sums[piece]
        of_hidden[:] = 0
        for case in range(piece * most, min(cases, (piece + 1) * most)):
            sigmoid(field[case], bias, mean[case])
            for j in range(m):
                of_hidden[j] += mean[case, j]
        _average_bits(bits, cases, out[:n], piece, pieces)
        if finish_piece(counter, pieces):
            _average(sums, cases, out[n:])
        piece = next_piece(counter, side, pieces)
