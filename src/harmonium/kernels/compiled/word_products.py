"""Products of states with rounded weights, two rows to a word."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from harmonium.kernels.compiled.copies import copy
from harmonium.kernels.compiled.intrinsics import HALF, LANES, floats_at
from harmonium.kernels.compiled.lists import all_words, list_pairs, list_words
from harmonium.kernels.compiled.packing import pairs_of
from harmonium.kernels.compiled.pieces import arrive, next_piece
from harmonium.kernels.compiled.sums import ROW, WIDE, add_rows_of_pairs, add_scaled_rows_of_pairs
from harmonium.kernels.compiled.words import DENSE, GROUP, MOST, multiply_group

TABLE = types.void(types.CPointer(types.int64))


@njit(nogil=True, error_model="numpy")
def _add_listed(
    x: Any, usual: Any, lists: Any, out: Any, first: Any, rows: Any, pairs: Any, start: Any, scale: Any
) -> None:
    """Write the products of some cases x, of which out (cases, m) has the first in this row, by adding listed rows.

    A case whose count is below 0 has no exact words, and is listed in float32. `start` are sums to begin with.
    """
    (index, word, value), counts = lists
    m, room, buffer = out.shape[1], index.shape[1], np.empty(WIDE, np.float32)
    exact = counts[: len(x)] >= 0
    for k in range(len(x)):
        if not exact[k]:
            counts[k] = list_pairs(x[k], usual, index[k], value[k])
    for j in range(0, m, WIDE):
        base, further = rows + ((j // LANES * pairs) << ROW), pairs << ROW if j + LANES < m else 0
        for k in range(len(x)):
            target = out.ctypes.data + 4 * ((first + k) * m + j) if j + WIDE <= m else buffer.ctypes.data
            ones, begin, count = index.ctypes.data + 4 * k * room, start.ctypes.data + 4 * j, counts[k]
            if exact[k]:
                words = word.ctypes.data + 4 * k * room
                add_rows_of_pairs(target, base, further, ones, words, count, begin, scale)
            else:
                values = value.ctypes.data + 8 * k * room
                add_scaled_rows_of_pairs(target, base, further, ones, values, count, begin, scale)
            for i in range(np.uint64(m - j if j + WIDE > m else 0)):
                out[np.uint64(first + k), np.uint64(j) + i] = buffer[i]


@njit(nogil=True, error_model="numpy")
def _multiply_all(cases: Any, words: Any, out: Any, first: Any, rows: Any, pairs: Any, start: Any, scale: Any) -> None:
    """Do the same with words of all states, exact ones, `GROUP` cases at a time: what lacks to the last is not used."""
    m, pitch, buffer = out.shape[1], 4 * words.shape[1], np.empty((GROUP, WIDE), np.float32)
    for j in range(0, m, WIDE):
        base, further = rows + ((j // LANES * pairs) << ROW), pairs << ROW if j + LANES < m else 0
        for k in range(0, cases, GROUP):
            target, apart, count = out.ctypes.data + 4 * ((first + k) * m + j), 4 * m, 0
            if j + WIDE > m or k + GROUP > cases:
                target, apart, count = buffer.ctypes.data, 4 * WIDE, min(GROUP, cases - k)
            source, begin = words.ctypes.data + k * pitch, start.ctypes.data + 4 * j
            multiply_group(source, pitch, base, further, pairs, target, apart, begin, scale)
            for i in range(count):
                for column in range(np.uint64(min(WIDE, m - j))):
                    out[first + k + i, np.uint64(j) + column] = buffer[i, column]


@njit(nogil=True, error_model="numpy")
def _list_or_all(x: Any, usual: Any, pairs: Any, index: Any, word: Any, counts: Any) -> Any:
    """List the words of some cases, or write all of them where the first case has many; return whether all are written.

    A count is -1 where words are not exact.
    """
    counts[0] = list_words(x[0], usual, index[0], word[0])
    if counts[0] > DENSE * pairs:
        lost = 0
        for k in range(len(x)):
            lost += all_words(x[k], usual, word[k])
        if lost == 0:
            return True
        counts[0] = list_words(x[0], usual, index[0], word[0])
    for k in range(1, len(x)):
        counts[k] = list_words(x[k], usual, index[k], word[k])
    return False


@cfunc(TABLE, cache=True, error_model="numpy")
def product_of_pairs(table: Any) -> None:
    """x (cases, n) W (n, m) -> out (cases, m): rows of W are added, or all are multiplied where that is faster.

    Which of both makes no difference to the result. A case whose x are not all -1, 0 or 1 away from what is usual is
    multiplied in float32.

    table: x, blocks of pairs of W, out, cases, n, m, cases a piece, usual states (n,), what they give (m,) or 0,
    address of the scale of the weights.
    """
    counter, cases, n, m, most = table[0], table[4], table[5], table[6], table[7]
    x, out = carray(floats_at(table[1]), (cases, n)), carray(floats_at(table[3]), (cases, m))
    usual, scale = carray(floats_at(table[8]), (n,)), carray(floats_at(table[10]), (1,))[0]
    start = np.zeros(m + WIDE, np.float32)
    if table[9]:
        copy(carray(floats_at(table[9]), (m,)), start, 0, m)
    pairs, room = pairs_of(n), pairs_of(n) + HALF
    index, word = np.empty((most, room), np.int32), np.empty((most, room), np.int32)
    value, counts = np.empty((most, room, 2), np.float32), np.empty(most, np.int64)
    side, pieces = arrive(counter), (cases + most - 1) // most
    first = next_piece(counter, side, pieces) * most
    while first < cases:
        of_piece, everything = x[first : min(cases, first + most)], False
        counts[:] = -1
        if n < MOST:
            everything = _list_or_all(of_piece, usual, pairs, index, word, counts)
        if everything:
            _multiply_all(len(of_piece), word, out, first, table[2], pairs, start, scale)
        else:
            lists = (index, word, value), counts
            _add_listed(of_piece, usual, lists, out, first, table[2], pairs, start, scale)
        first = next_piece(counter, side, pieces) * most
