"""Lists of the states that are not as usual, mostly 0: what sums over sparse states walk through."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from harmonium.kernels.compiled.intrinsics import HALF, LANES, floats_at, mask_of_different, trailing_zeros
from harmonium.kernels.compiled.words import append_turned, append_turned_bits, append_words, write_words

ONE, ZERO, BIT = np.float32(1), np.float32(0), np.uint64(1)
EVEN = np.uint64(0x55555555)


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
    count, binary, whole = np.uint64(0), True, len(x) // LANES * LANES
    for start in range(0, whole, LANES):
        begin = np.uint64(start)
        mask = mask_of_different(x.ctypes.data + 4 * start, usual.ctypes.data + 4 * start)
        while mask:
            position = begin + trailing_zeros(mask)
            v = x[position] - usual[position]
            index[count], value[count] = position, v
            binary &= v == ONE
            count += BIT
            mask &= mask - BIT
    for position in range(np.uint64(whole), np.uint64(len(x))):
        v = x[position] - usual[position]
        if v != ZERO:
            index[count], value[count] = position, v
            binary &= v == ONE
            count += BIT
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
    """Write which of the pairs of x (n,) are not as usual, and the difference of both as a word of two whole numbers.

    Both lists have room for 16 more. Returns how many, or -1 if a difference is not -1, 0 or 1: lists are void.
    """
    count, whole = 0, len(x) // LANES * LANES
    numbers, others, ones, words = x.ctypes.data, usual.ctypes.data, index.ctypes.data, word.ctypes.data
    for start in range(0, whole, LANES):
        found = append_words(numbers + 4 * start, others + 4 * start, start // 2, ones + 4 * count, words + 4 * count)
        if found < 0:
            return -1
        count += found
    if whole == len(x):
        return count
    ends = _ends(x, usual)
    numbers, others = ends.ctypes.data, ends.ctypes.data + 4 * LANES
    found = append_words(numbers, others, whole // 2, index.ctypes.data + 4 * count, word.ctypes.data + 4 * count)
    ends[0, 0] = ZERO  # numba frees what is not used any more
    return count + found if found >= 0 else -1


@njit(nogil=True, error_model="numpy")
def all_words(x: Any, usual: Any, words: Any) -> Any:
    """Write the differences between x (n,) and what is usual as words, 16 for 32 and at the end.

    Returns how many such words hold what is not -1, 0 or 1, and are void.
    """
    lost, whole = 0, len(x) // LANES * LANES
    for start in range(0, whole, LANES):
        lost += write_words(x.ctypes.data + 4 * start, usual.ctypes.data + 4 * start, words.ctypes.data + 2 * start)
    if whole < len(x):
        ends = _ends(x, usual)
        lost += write_words(ends.ctypes.data, ends.ctypes.data + 4 * LANES, words.ctypes.data + 2 * whole)
        ends[0, 0] = ZERO
    return lost


@njit(nogil=True, error_model="numpy")
def _ends(x: Any, usual: Any) -> Any:
    """Return the numbers of both that lie beyond the last 32, and zeros, 32 of each."""
    whole, ends = len(x) // LANES * LANES, np.zeros((2, LANES), np.float32)
    for k in range(len(x) - whole):
        ends[0, np.uint64(k)], ends[1, np.uint64(k)] = x[np.uint64(whole + k)], usual[np.uint64(whole + k)]
    return ends


@njit(nogil=True, error_model="numpy")
def list_cases(x: Any, first: Any, last: Any, start: Any, stop: Any, index: Any, value: Any, counts: Any) -> Any:
    """For each of the columns first..last of x (cases, n), list in which of the cases start..stop it is not 0.

    Cases count from `start`. The first column is a multiple of 32. Returns whether all values listed are 1; only if not
    are they written too.
    """
    if _list_binary_cases(x, first, last, start, stop, index, counts):
        return True
    counts[:] = 0
    for case in range(np.uint64(start), np.uint64(stop)):
        for column in range(np.uint64(first), np.uint64(last)):
            if x[case, column] != ZERO:
                k = column - np.uint64(first)
                index[k, counts[k]], value[k, counts[k]] = case - np.uint64(start), x[case, column]
                counts[k] += BIT
    return False


@njit(nogil=True, error_model="numpy")
def _list_binary_cases(x: Any, first: Any, last: Any, start: Any, stop: Any, index: Any, counts: Any) -> Any:
    """List the cases alone, unless a state is neither 0 nor 1; return whether none is."""
    (n, room), flat = (x.shape[1], np.uint64(index.shape[1])), index.reshape(-1)
    zeros, ones, binary = np.zeros(LANES, np.float32), np.ones(LANES, np.float32), True
    whole = first + (last - first) // LANES * LANES
    counts[:] = 0
    for case in range(start, stop):
        for begin in range(first, whole, LANES):
            place, column = x.ctypes.data + 4 * (case * n + begin), np.uint64(begin - first)
            mask = mask_of_different(place, zeros.ctypes.data)
            binary &= (mask & mask_of_different(place, ones.ctypes.data)) == np.uint64(0)
            while mask:
                k = column + trailing_zeros(mask)
                count = counts[k]
                flat[k * room + count] = np.int32(case - start)
                counts[k] = count + BIT
                mask &= mask - BIT
        for column in range(np.uint64(whole), np.uint64(last)):
            v, k = x[np.uint64(case), column], column - np.uint64(first)
            if v != ZERO:
                binary &= v == ONE
                flat[k * room + counts[k]] = np.int32(case - start)
                counts[k] += BIT
    return binary


@njit(nogil=True, error_model="numpy")
def list_case_pairs(x: Any, first: Any, last: Any, start: Any, stop: Any, lists: Any, counts: Any) -> None:
    """For each of the columns first..last of x (cases, n), list in which pairs of the cases start..stop it is not 0.

    The lists are those of `list_pairs`; pairs count from `start`, and the first column is a multiple of 32. A last case
    without another has a 0 beside it.
    """
    index, value = lists
    zeros = np.zeros(last, np.float32)
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
                index[k, place] = pair
                value[k, place, 0], value[k, place, 1] = row[position], ZERO if alone else after[position]
                counts[k] = place + BIT
                mask &= mask - BIT


@njit(nogil=True, error_model="numpy")
def list_case_words(
    x: Any, first: Any, last: Any, start: Any, stop: Any, index: Any, word: Any, counts: Any, shift: Any
) -> Any:
    """Append the same to lists of words, as `list_words` has them; pairs count from `shift`.

    Lists have room for 16 more. Returns whether all states are -1, 0 or 1; if not, the lists are void.
    """
    n, room, lost, scratch = x.shape[1], 4 * index.shape[1], 0, np.zeros((LANES, HALF), np.float32)
    for case in range(start, stop, LANES):
        for begin in range(first, last, HALF):
            source, apart, k = x.ctypes.data + 4 * (case * n + begin), 4 * n, begin - first
            if case + LANES > stop or begin + HALF > last:
                source, apart = scratch.ctypes.data, 4 * HALF
                scratch[:] = ZERO
                for i in range(np.uint64(min(LANES, stop - case))):
                    for j in range(np.uint64(min(HALF, last - begin))):
                        scratch[i, j] = x[np.uint64(case) + i, np.uint64(begin) + j]
            ones, words, pair = index.ctypes.data + k * room, word.ctypes.data + k * room, shift + (case - start) // 2
            lost |= append_turned(source, apart, pair, ones, words, room, counts.ctypes.data + 8 * k)
    scratch[0, 0] = ZERO  # numba frees what is not used any more
    return lost == 0


@njit(nogil=True, error_model="numpy")
def list_case_bits(
    x: Any, first: Any, last: Any, start: Any, stop: Any, index: Any, word: Any, counts: Any, shift: Any
) -> Any:
    """Do what `list_case_words` does with bits x (blocks, cases); first case and unit are multiples of 32."""
    room, pitch = 4 * index.shape[1], x.shape[1]
    for case in range(start, stop, LANES):
        for begin in range(first, last, LANES):
            bits, k = x.ctypes.data + 4 * (begin // LANES * pitch + case), begin - first
            ones, words, pair = index.ctypes.data + k * room, word.ctypes.data + k * room, shift + (case - start) // 2
            append_turned_bits(bits, pair, ones, words, room, counts.ctypes.data + 8 * k)
    return True


@cfunc(types.int64(types.int64, types.int64), cache=True, error_model="numpy")
def count_nonzero(address: Any, count: Any) -> Any:
    """Count which of some float32 at an address are not 0."""
    x, found = carray(floats_at(address), (count,)), 0
    for k in range(count):
        found += x[k] != ZERO
    return found


@cfunc(types.int64(types.int64, types.int64), cache=True, error_model="numpy")
def count_others(address: Any, count: Any) -> Any:
    """Count which of some float32 at an address are neither 0 nor 1."""
    x, found = carray(floats_at(address), (count,)), 0
    for k in range(count):
        found += (x[k] != ZERO) & (x[k] != ONE)
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
