"""Lists of the states that are not as usual, mostly 0: what sums over sparse states walk through."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from harmonium.kernels.compiled.intrinsics import LANES, append_words, floats_at, mask_of_different, trailing_zeros

ONE, ZERO, BIT = np.float32(1), np.float32(0), np.uint64(1)
EVEN, LOWER, UPPER, HALF_WORD = np.uint64(0x55555555), np.uint32(0xFFFF), np.uint32(0xFFFF0000), np.uint32(16)


@njit(inline="always")
def _mask(x: Any, usual: Any, start: Any) -> Any:
    """Return which of the 32 numbers of x (n,) from `start` on are not as usual, as bits; those beyond the end are."""
    mask = np.uint64(0)
    if start + LANES <= len(x):
        mask = mask_of_different(x.ctypes.data + 4 * start, usual.ctypes.data + 4 * start)
    else:
        for k in range(len(x) - start):
            if x[np.uint64(start + k)] != usual[np.uint64(start + k)]:
                mask |= BIT << np.uint64(k)
    return mask


@njit(nogil=True, error_model="numpy")
def list_ones(x: Any, usual: Any, index: Any, value: Any) -> Any:
    """Write where x (n,) is not as usual, and what it is more; return how often that is, and whether it is 1 always."""
    count, binary = np.uint64(0), True
    for start in range(0, len(x), LANES):
        mask = _mask(x, usual, start)
        while mask:
            position = np.uint64(start) + trailing_zeros(mask)
            v = np.float32(x[position] - usual[position])
            index[count], value[count] = position, v
            binary &= v == ONE
            count += BIT
            mask &= mask - BIT
    return np.int64(count), binary


@njit(nogil=True, error_model="numpy")
def list_pairs(x: Any, usual: Any, index: Any, value: Any) -> Any:
    """Write which of the pairs 2 p and 2 p + 1 of x (n,) are not both as usual, and what both are more.

    A number beyond the end is as usual. Returns how many pairs there are.
    """
    count = np.uint64(0)
    for start in range(0, len(x), LANES):
        mask = _mask(x, usual, start)
        pairs = np.uint64(mask | (mask >> BIT)) & EVEN
        while pairs:
            position = np.uint64(start) + trailing_zeros(pairs)
            after = position + BIT
            index[count] = position >> BIT
            value[count, 0] = x[position] - usual[position]
            value[count, 1] = x[after] - usual[after] if after < np.uint64(len(x)) else ZERO
            count += BIT
            pairs &= pairs - BIT
    return np.int64(count)


@njit(nogil=True, error_model="numpy")
def list_words(x: Any, usual: Any, index: Any, word: Any) -> Any:
    """Write which of the pairs of x (n,) are not as usual, and the difference of both in bfloat16 as a word.

    Both lists have room for 16 more. Returns how many, or -1 if a difference is not exact in bfloat16: lists are void.
    """
    count, whole, ends = 0, len(x) // LANES * LANES, np.zeros((2, LANES), np.float32)
    for start in range(0, len(x), LANES):
        numbers, others = x.ctypes.data + 4 * start, usual.ctypes.data + 4 * start
        if start == whole:
            for k in range(len(x) - whole):
                ends[0, np.uint64(k)], ends[1, np.uint64(k)] = x[np.uint64(whole + k)], usual[np.uint64(whole + k)]
            numbers, others = ends.ctypes.data, ends.ctypes.data + 4 * LANES
        found = append_words(numbers, others, start // 2, index.ctypes.data + 4 * count, word.ctypes.data + 4 * count)
        if found < 0:
            return -1
        count += found
    return count


@njit(nogil=True, error_model="numpy")
def list_cases(x: Any, first: Any, last: Any, start: Any, stop: Any, index: Any, value: Any, counts: Any) -> Any:
    """For each of the columns first..last of x (cases, n), list in which of the cases start..stop it is not 0.

    Cases count from `start`. The first column is a multiple of 32. Returns whether all values listed are 1.
    """
    binary, zeros = True, np.zeros(last, np.float32)
    counts[:] = 0
    for case in range(np.uint64(start), np.uint64(stop)):
        row = x[case, :last]
        for begin in range(first, last, LANES):
            mask = _mask(row, zeros, begin)
            while mask:
                position = np.uint64(begin) + trailing_zeros(mask)
                v, k = row[position], position - np.uint64(first)
                index[k, counts[k]], value[k, counts[k]] = case - np.uint64(start), v
                binary &= v == ONE
                counts[k] += BIT
                mask &= mask - BIT
    return binary


@njit(nogil=True, error_model="numpy")
def list_case_pairs(x: Any, first: Any, last: Any, start: Any, stop: Any, lists: Any, counts: Any) -> Any:
    """For each of the columns first..last of x (cases, n), list in which pairs of the cases start..stop it is not 0.

    The lists are those of `list_pairs` and `list_words`; pairs count from `start`, and the first column is a multiple
    of 32. A last case without another has a 0 beside it. Returns whether the words are exact.
    """
    index, word, value = lists
    lost, zeros = np.uint32(0), np.zeros(last, np.float32)
    counts[:] = 0
    for case in range(np.uint64(start), np.uint64(stop), np.uint64(2)):
        alone, pair = case + BIT == np.uint64(stop), np.uint64(case - np.uint64(start)) >> BIT
        row, after = x[case, :last], x[case if alone else case + BIT, :last]
        for begin in range(first, last, LANES):
            mask = _mask(row, zeros, begin) | (np.uint64(0) if alone else _mask(after, zeros, begin))
            while mask:
                position = np.uint64(begin) + trailing_zeros(mask)
                k = position - np.uint64(first)
                place = counts[k]
                low, high = row[position], ZERO if alone else after[position]
                bits, more = np.float32(low).view(np.uint32), np.float32(high).view(np.uint32)
                index[k, place], word[k, place] = pair, np.uint32(bits >> HALF_WORD) | np.uint32(more & UPPER)
                value[k, place, 0], value[k, place, 1] = low, high
                lost |= np.uint32(bits | more) & LOWER
                counts[k] = place + BIT
                mask &= mask - BIT
    return lost == np.uint32(0)


@cfunc(types.int64(types.int64, types.int64), cache=True, error_model="numpy")
def count_nonzero(address: Any, count: Any) -> Any:
    """Count which of some float32 at an address are not 0."""
    x, found = carray(floats_at(address), (count,)), 0
    for k in range(count):
        found += x[k] != ZERO
    return found


@cfunc(types.int64(*[types.int64] * 5), cache=True, error_model="numpy")
def find_usual(address: Any, cases: Any, n: Any, apart: Any, result: Any) -> Any:
    """Write what most of the states of each unit are in some cases, if each has two; return how many are not so.

    The cases are rows 0, `apart`, 2 `apart`, ... of (..., n). Where those that are not as usual are hardly fewer than
    those that are not 0, the usual is 0, and these are counted.
    """
    x, usual = carray(floats_at(address), (cases * apart, n))[::apart], carray(floats_at(result), (n,))
    equal, other = np.zeros(n, np.int32), x[0].copy()
    nonzero, unusual = 0, 0
    for case in range(cases):
        for j in range(n):
            equal[j] += x[case, j] == x[0, j]
            other[j] = other[j] if x[case, j] == x[0, j] else x[case, j]
            nonzero += x[case, j] != ZERO
    for j in range(n):
        usual[j] = x[0, j] if 2 * equal[j] >= cases else other[j]
    for case in range(cases):
        for j in range(n):
            unusual += x[case, j] != usual[j]
    if 5 * unusual <= 4 * nonzero:
        return unusual
    usual[:] = ZERO
    return nonzero
