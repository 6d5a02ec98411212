"""Weights and means laid out in blocks of 32 columns, for sums of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from harmonium.kernels.compiled.intrinsics import HALF, LANES, floats_at, words_at
from harmonium.kernels.compiled.pieces import arrive, next_piece
from harmonium.kernels.compiled.rounding import pack_transposed, pack_two_rows

TABLE = types.void(types.CPointer(types.int64))
HALF_WORD, ROUND, ONE, ZERO = np.uint32(16), np.uint32(0x7FFF), np.float32(1), np.float32(0)


@njit(inline="always")
def rounded(x: Any) -> Any:
    """Return the bfloat16 nearest to a float32, ties to even, as the lower half of a word."""
    bits = np.float32(x).view(np.uint32)
    even = np.uint32(np.uint32(bits >> HALF_WORD) & np.uint32(1))
    return np.uint32(np.uint32(bits + ROUND + even) >> HALF_WORD)


@njit(inline="always")
def pairs_of(n: Any) -> Any:
    """Return how many rows of pairs n rows of weights take: a multiple of 16, as a tile has so many."""
    return (n + LANES - 1) // LANES * HALF


@njit(inline="always")
def _pair(low: Any, high: Any) -> Any:
    """Return a word that holds two rounded numbers."""
    return np.uint32(rounded(low) | np.uint32(rounded(high) << HALF_WORD))


@njit(nogil=True, error_model="numpy")
def pack_rows(numbers: Any, pairs: Any, first: Any, last: Any, centre: Any, factor: Any, shift: Any) -> None:
    """Round some rows of (n, m), less a centre (m,) and times a factor, into pairs (blocks of m, rows of pairs, 32).

    Two rows go to a word. The first is even, and belongs to row `shift` of the pairs if it is 0; a row that lacks is 0.
    """
    m, all_pairs = numbers.shape[1], pairs.shape[1]
    whole, even = m // LANES * LANES, last // 2 * 2
    for j in range(0, whole, LANES):
        source, target = numbers.ctypes.data + 4 * j, pairs.ctypes.data + 4 * (j * all_pairs + LANES * shift)
        for i in range(first, even, 2):
            pack_two_rows(source + 4 * m * i, 4 * m, target + 2 * LANES * i, centre.ctypes.data + 4 * j, factor)
    for i in range(np.uint64(first), np.uint64(last), np.uint64(2)):
        pair = np.uint64(shift) + i // np.uint64(2)
        for j in range(np.uint64(whole if i < even else 0), np.uint64(m)):
            low = factor * (numbers[i, j] - centre[j])
            high = factor * (numbers[i + np.uint64(1), j] - centre[j]) if i < even else ZERO
            pairs[j // np.uint64(LANES), pair, j % np.uint64(LANES)] = _pair(low, high)


@njit(nogil=True, error_model="numpy")
def pack_columns(weights: Any, pairs: Any, first: Any, last: Any, shift: Any) -> None:
    """Do the same for the transpose: two columns of some rows of (n, m) to a word, into (blocks of n, pairs, 32)."""
    m, all_pairs = weights.shape[1], pairs.shape[1]
    for start in range(first, last, HALF):
        block, place, whole = start // LANES, start % LANES, 0
        if start + HALF <= last:
            whole = m // LANES * LANES
            for j in range(0, whole, LANES):
                source = weights.ctypes.data + 4 * (start * m + j)
                target = pairs.ctypes.data + 4 * ((block * all_pairs + shift + j // 2) * LANES + place)
                pack_transposed(source, 4 * m, target)
        for i in range(np.uint64(start), np.uint64(min(last, start + HALF))):
            for j in range(np.uint64(whole), np.uint64(m), np.uint64(2)):
                high, pair = ZERO, np.uint64(shift) + j // np.uint64(2)
                if j + np.uint64(1) < np.uint64(m):
                    high = weights[i, j + np.uint64(1)]
                pairs[i // np.uint64(LANES), pair, i % np.uint64(LANES)] = _pair(weights[i, j], high)


@njit(nogil=True, error_model="numpy")
def _pack_in_parts(weights: Any, rows: Any, columns: Any, first: Any, parts: Any, left: Any) -> None:
    """Pack some rows of W, from `first` on, part by part: each is what the parts before leave of W, rounded."""
    (count, m), nothing = weights.shape, np.zeros(weights.shape[1], np.float32)
    for i in range(np.uint64(count)):
        for j in range(np.uint64(m)):
            left[i, j] = weights[i, j]
    for part in range(parts):
        pack_rows(left, rows, 0, count, nothing, ONE, part * (rows.shape[1] // parts) + first // 2)
        pack_columns(left, columns[first // LANES :], 0, count, part * (columns.shape[1] // parts))
        for i in range(np.uint64(count)):
            for j in range(np.uint64(m)):
                left[i, j] -= np.uint32(rounded(left[i, j]) << HALF_WORD).view(np.float32)


@cfunc(TABLE, cache=True, error_model="numpy")
def pack(table: Any) -> None:
    """W (n, m) -> pairs of its rows and of its columns, all parts of W.

    table: W, both, n, m, rows a piece (a multiple of 32), parts.
    """
    counter, n, m, units, parts = table[0], table[4], table[5], table[6], table[7]
    nothing = np.zeros(m, np.float32)
    weights, left = carray(floats_at(table[1]), (n, m)), np.empty((units if parts > 1 else 0, m), np.float32)
    rows = carray(words_at(table[2]), ((m + LANES - 1) // LANES, parts * pairs_of(n), LANES))
    columns = carray(words_at(table[3]), ((n + LANES - 1) // LANES, parts * pairs_of(m), LANES))
    side, pieces = arrive(counter), (n + units - 1) // units
    first = next_piece(counter, side, pieces) * units
    while first < n:
        last = min(n, first + units)
        if parts == 1:
            pack_rows(weights, rows, first, last, nothing, ONE, 0)
            pack_columns(weights, columns, first, last, 0)
        else:
            _pack_in_parts(weights[first:last], rows, columns, first, parts, left)
        first = next_piece(counter, side, pieces) * units


@njit(nogil=True, error_model="numpy")
def pack_means(y: Any, pairs: Any, first: Any, last: Any, centre: Any, factor: Any, shift: Any) -> None:
    """Write some cases of y as `pack_rows` does, to `pairs_of(cases)` rows from `shift` on, which are 0 at the end."""
    pack_rows(y, pairs, first, last, centre, factor, shift)
    if last == len(y):
        pairs[:, shift + (last + 1) // 2 : shift + pairs_of(last)] = 0


@njit(nogil=True, error_model="numpy")
def pack_floats(y: Any, out: Any, first: Any, last: Any, centre: Any, factor: Any, shift: Any) -> None:
    """Write some rows of (n, m), less a centre (m,) and times a factor, to blocks (of m, rows, 32), 0 beyond m."""
    m = y.shape[1]
    for block in range(np.uint64(out.shape[0])):
        start = block * np.uint64(LANES)
        width = min(np.uint64(LANES), np.uint64(m) - start)
        for i in range(np.uint64(first), np.uint64(last)):
            row = np.uint64(shift) + i
            for k in range(width):
                out[block, row, k] = factor * (y[i, start + k] - centre[start + k])
            for k in range(width, np.uint64(LANES)):
                out[block, row, k] = ZERO


@cfunc(TABLE, cache=True, error_model="numpy")
def pack_exactly(table: Any) -> None:
    """W (n, m) -> blocks (of m, n, 32), 0 beyond m; table: W, blocks, n, m, rows a piece."""
    counter, n, m, units = table[0], table[3], table[4], table[5]
    weights, nothing = carray(floats_at(table[1]), (n, m)), np.zeros(m, np.float32)
    out = carray(floats_at(table[2]), ((m + LANES - 1) // LANES, n, LANES))
    side, pieces = arrive(counter), (n + units - 1) // units
    first = next_piece(counter, side, pieces) * units
    while first < n:
        pack_floats(weights, out, first, min(n, first + units), nothing, ONE, 0)
        first = next_piece(counter, side, pieces) * units
