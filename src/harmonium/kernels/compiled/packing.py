"""Numbers laid out in blocks of 32 columns: two rows to a word, in bfloat16 or as whole numbers, or in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit, types

from harmonium.kernels.compiled.intrinsics import HALF, LANES, words_at
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
