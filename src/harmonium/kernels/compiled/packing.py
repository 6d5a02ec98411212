"""Weights and means laid out in blocks of 32 columns, for sums of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from harmonium.kernels.compiled.intrinsics import HALF, LANES, floats_at, words_at
from harmonium.kernels.compiled.pieces import STAGE, arrive, finish_piece, next_piece, wait_for_all
from harmonium.kernels.compiled.rounding import (
    MAGIC,
    largest_magnitude,
    pack_transposed,
    pack_two_rows,
    pack_two_whole_rows,
    pack_whole_transposed,
)

TABLE = types.void(types.CPointer(types.int64))
HALF_WORD, ROUND, ONE, ZERO = np.uint32(16), np.uint32(0x7FFF), np.float32(1), np.float32(0)
LOWER, POSITIVE, NOT_FINITE, MANTISSA = np.uint32(0xFFFF), np.uint32(0x7FFFFFFF), np.uint32(0x7F800000), np.uint32(23)
NEARLY_TWO = np.uint32(1 << 8)
"""Added to the bits of what would be rounded to 2^15, it reaches the next power of 2."""


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
def _whole(x: Any) -> Any:
    """Return the whole number nearest to a float32, ties to even, as the lower half of a word."""
    return np.uint32(np.float32(np.float32(x) + MAGIC).view(np.uint32) & LOWER)


def _packers(two_rows: Any, transposed: Any, half: Any) -> tuple[Any, Any]:
    """Return the functions that pack rows and columns, from those that pack 32 of two, and that round one number."""

    @njit(nogil=True, error_model="numpy")
    def pack_rows(numbers: Any, pairs: Any, first: Any, last: Any, centre: Any, factor: Any, shift: Any) -> None:
        """Round some rows of (n, m), less a centre (m,) and times a factor, into pairs (blocks of m, rows, 32).

        Two rows go to a word. The first is even, and belongs to row `shift` of the pairs if it is 0; a row that lacks
        is 0.
        """
        m, all_pairs = numbers.shape[1], pairs.shape[1]
        whole, even = m // LANES * LANES, last // 2 * 2
        for j in range(0, whole, LANES):
            source, target = numbers.ctypes.data + 4 * j, pairs.ctypes.data + 4 * (j * all_pairs + LANES * shift)
            for i in range(first, even, 2):
                two_rows(source + 4 * m * i, 4 * m, target + 2 * LANES * i, centre.ctypes.data + 4 * j, factor)
        for i in range(np.uint64(first), np.uint64(last), np.uint64(2)):
            pair = np.uint64(shift) + i // np.uint64(2)
            for j in range(np.uint64(whole if i < even else 0), np.uint64(m)):
                low = factor * (numbers[i, j] - centre[j])
                high = factor * (numbers[i + np.uint64(1), j] - centre[j]) if i < even else ZERO
                word = np.uint32(half(low) | np.uint32(half(high) << HALF_WORD))
                pairs[j // np.uint64(LANES), pair, j % np.uint64(LANES)] = word

    @njit(nogil=True, error_model="numpy")
    def pack_columns(weights: Any, pairs: Any, first: Any, last: Any, factor: Any, shift: Any) -> None:
        """Do the same for the transpose: two columns of some rows of (n, m) to a word: (blocks of n, pairs, 32)."""
        m, all_pairs = weights.shape[1], pairs.shape[1]
        for start in range(first, last, HALF):
            block, place, whole = start // LANES, start % LANES, 0
            if start + HALF <= last:
                whole = m // LANES * LANES
                for j in range(0, whole, LANES):
                    source = weights.ctypes.data + 4 * (start * m + j)
                    target = pairs.ctypes.data + 4 * ((block * all_pairs + shift + j // 2) * LANES + place)
                    transposed(source, 4 * m, target, factor)
            for i in range(np.uint64(start), np.uint64(min(last, start + HALF))):
                for j in range(np.uint64(whole), np.uint64(m), np.uint64(2)):
                    high, pair = ZERO, np.uint64(shift) + j // np.uint64(2)
                    if j + np.uint64(1) < np.uint64(m):
                        high = factor * weights[i, j + np.uint64(1)]
                    word = np.uint32(half(factor * weights[i, j]) | np.uint32(half(high) << HALF_WORD))
                    pairs[i // np.uint64(LANES), pair, i % np.uint64(LANES)] = word

    return pack_rows, pack_columns


pack_rows, pack_columns = _packers(pack_two_rows, pack_transposed, rounded)
pack_whole_rows, pack_whole_columns = _packers(pack_two_whole_rows, pack_whole_transposed, _whole)


@njit(nogil=True, error_model="numpy")
def _pack_in_parts(weights: Any, rows: Any, columns: Any, first: Any, parts: Any, left: Any) -> None:
    """Pack some rows of W, from `first` on, part by part: each is what the parts before leave of W, rounded."""
    (count, m), nothing = weights.shape, np.zeros(weights.shape[1], np.float32)
    for i in range(np.uint64(count)):
        for j in range(np.uint64(m)):
            left[i, j] = weights[i, j]
    for part in range(parts):
        pack_rows(left, rows, 0, count, nothing, ONE, part * (rows.shape[1] // parts) + first // 2)
        pack_columns(left, columns[first // LANES :], 0, count, ONE, part * (columns.shape[1] // parts))
        for i in range(np.uint64(count)):
            for j in range(np.uint64(m)):
                left[i, j] -= np.uint32(rounded(left[i, j]) << HALF_WORD).view(np.float32)


@cfunc(TABLE, cache=True, error_model="numpy")
def pack(table: Any) -> None:
    """W (n, m) -> pairs of its rows and of its columns in bfloat16, all parts of W.

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
            pack_columns(weights, columns, first, last, ONE, 0)
        else:
            _pack_in_parts(weights[first:last], rows, columns, first, parts, left)
        first = next_piece(counter, side, pieces) * units


@njit(nogil=True, error_model="numpy")
def largest_of(weights: Any, first: Any, last: Any) -> Any:
    """Return the largest bits of |w| in some rows, as `largest_magnitude`."""
    m = weights.shape[1]
    start, count = weights.ctypes.data + 4 * first * m, (last - first) * m
    largest = largest_magnitude(start, count)
    rest = carray(words_at(start), (count,))
    for k in range(np.uint64(count // HALF * HALF), np.uint64(count)):
        largest = max(largest, np.uint32(rest[k] & POSITIVE))
    return largest


@njit(inline="always")
def scale_of(largest: Any) -> Any:
    """Return the smallest power of 2 in whose units weights of this size have 16 bits; NaN for what is not finite."""
    if largest >= NOT_FINITE:
        return np.float32(np.nan)
    exponent = max(np.uint32(np.uint32(largest + NEARLY_TWO) >> MANTISSA), np.uint32(15))
    return np.uint32(np.uint32(exponent - np.uint32(14)) << MANTISSA).view(np.float32)


@cfunc(TABLE, cache=True, error_model="numpy")
def pack_whole(table: Any) -> None:
    """W (n, m) -> pairs of its rows and of its columns, whole numbers that count by a scale.

    table: W, both, n, m, rows a piece (a multiple of 32), address of the scale, room for a number a piece.
    """
    counter, n, m, units = table[0], table[4], table[5], table[6]
    weights, nothing = carray(floats_at(table[1]), (n, m)), np.zeros(m, np.float32)
    rows = carray(words_at(table[2]), ((m + LANES - 1) // LANES, pairs_of(n), LANES))
    columns = carray(words_at(table[3]), ((n + LANES - 1) // LANES, pairs_of(m), LANES))
    side, pieces = arrive(counter), (n + units - 1) // units
    scale, largest = carray(floats_at(table[7]), (1,)), carray(words_at(table[8]), (pieces,))
    piece = next_piece(counter, side, pieces)
    while piece < pieces:
        largest[piece] = largest_of(weights, piece * units, min(n, (piece + 1) * units))
        finish_piece(counter, pieces)
        piece = next_piece(counter, side, pieces)
    wait_for_all(counter, pieces)
    scale[0] = scale_of(max(largest))  # by each thread, all the same
    piece = next_piece(counter + STAGE, side, pieces)
    while piece < pieces:
        first, last = piece * units, min(n, (piece + 1) * units)
        pack_whole_rows(weights, rows, first, last, nothing, ONE / scale[0], 0)
        pack_whole_columns(weights, columns, first, last, ONE / scale[0], 0)
        piece = next_piece(counter + STAGE, side, pieces)


def _means(pack: Any) -> Any:
    @njit(nogil=True, error_model="numpy")
    def pack_means(y: Any, pairs: Any, first: Any, last: Any, centre: Any, factor: Any, shift: Any) -> None:
        """Write some cases of y as `pack_rows`, to `pairs_of(cases)` rows from `shift` on, which are 0 at the end."""
        pack(y, pairs, first, last, centre, factor, shift)
        if last == len(y):
            pairs[:, shift + (last + 1) // 2 : shift + pairs_of(last)] = 0

    return pack_means


pack_means, pack_whole_means = _means(pack_rows), _means(pack_whole_rows)


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
