"""The hot loops compiled by numba. Each is called by every thread with the same table; see `threads.run`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from harmonium.kernels.intrinsics import (
    LANES,
    add_rows_of_bfloat16,
    add_rows_of_float32,
    bytes_at,
    fetch_and_increment,
    floats_at,
    halves_at,
)
from harmonium.kernels.philox import fill_uniform

TABLE = types.void(types.CPointer(types.int64))
LOG2_E, ONE, ZERO = np.float32(1.4426950408889634), np.float32(1), np.float32(0)
HALF_WORD = np.uint32(16)
LIMIT, BIAS, SHIFT = np.float32(126), np.int32(127), np.int32(23)
# Minimax polynomial of 2^x on [0, 1), relative error below 3e-7, the rounding of float32 included.
P5, P4, P3 = np.float32(1.8775767e-3), np.float32(8.9893397e-3), np.float32(5.5826318e-2)
P2, P1, P0 = np.float32(2.4015361e-1), np.float32(6.9315308e-1), np.float32(9.9999994e-1)
GROUP = 8
"""So many zeros are passed over at once."""
UNITS = 56
"""So many visible units make a piece of work of a step."""


@njit(inline="always")
def exp2(x: Any) -> Any:
    """2^x in float32, for vector registers: the library's function is called element by element."""
    x = min(max(x, -LIMIT), LIMIT)
    whole = np.int32(np.floor(x))
    part = np.float32(x - np.float32(whole))
    p = np.float32(P5 * part + P4)
    p = np.float32(p * part + P3)
    p = np.float32(p * part + P2)
    p = np.float32(p * part + P1)
    p = np.float32(p * part + P0)
    return np.float32(p * np.int32((whole + BIAS) << SHIFT).view(np.float32))


@njit(nogil=True, error_model="numpy", fastmath={"contract"})
def _draw_from_field(field: Any, bias: Any, uniform: Any, state: Any) -> None:
    """u < sigmoid(x), as u (1 + exp(-x)) < 1."""
    for j in range(len(state)):
        odds = exp2(np.float32(-(field[j] + bias[j])) * LOG2_E)
        state[j] = ONE if uniform[j] * (ONE + odds) < ONE else ZERO


@njit(nogil=True, error_model="numpy")
def _draw_from_probability(probability: Any, uniform: Any, state: Any) -> None:
    for j in range(len(state)):
        state[j] = ONE if uniform[j] < probability[j] else ZERO


@njit(nogil=True, error_model="numpy")
def _draw_from_bytes(intensity: Any, uniform: Any, state: Any) -> None:
    for j in range(len(state)):
        state[j] = ONE if uniform[j] * np.float32(255) < np.float32(intensity[j]) else ZERO


@cfunc(TABLE, cache=True, error_model="numpy")
def sample_from_field(table: Any) -> None:
    """field (cases, n), bias (n,) -> state (cases, n); table: field, bias, state, cases, n, rows a piece, key."""
    counter, cases, n, rows, key = table[0], table[4], table[5], table[6], table[7]
    field, bias = carray(floats_at(table[1]), (cases, n)), carray(floats_at(table[2]), (n,))
    state = carray(floats_at(table[3]), (cases, n))
    quarter = (n + 3) // 4
    uniform = np.empty(4 * quarter, np.float32)
    start = fetch_and_increment(counter) * rows
    while start < cases:
        for case in range(start, min(cases, start + rows)):
            fill_uniform(uniform, case * quarter, key)
            _draw_from_field(field[case], bias, uniform, state[case])
        start = fetch_and_increment(counter) * rows


@cfunc(TABLE, cache=True, error_model="numpy")
def sample_from_probability(table: Any) -> None:
    """probability (cases, n) -> state (cases, n); table: probability, state, cases, n, rows a piece, key."""
    counter, cases, n, rows, key = table[0], table[3], table[4], table[5], table[6]
    probability, state = carray(floats_at(table[1]), (cases, n)), carray(floats_at(table[2]), (cases, n))
    quarter = (n + 3) // 4
    uniform = np.empty(4 * quarter, np.float32)
    start = fetch_and_increment(counter) * rows
    while start < cases:
        for case in range(start, min(cases, start + rows)):
            fill_uniform(uniform, case * quarter, key)
            _draw_from_probability(probability[case], uniform, state[case])
        start = fetch_and_increment(counter) * rows


@cfunc(TABLE, cache=True, error_model="numpy")
def sample_from_bytes(table: Any) -> None:
    """intensity (cases, n) uint8 of 255 -> state (cases, n); table: intensity, state, cases, n, rows a piece, key."""
    counter, cases, n, rows, key = table[0], table[3], table[4], table[5], table[6]
    intensity, state = carray(bytes_at(table[1]), (cases, n)), carray(floats_at(table[2]), (cases, n))
    quarter = (n + 3) // 4
    uniform = np.empty(4 * quarter, np.float32)
    start = fetch_and_increment(counter) * rows
    while start < cases:
        for case in range(start, min(cases, start + rows)):
            fill_uniform(uniform, case * quarter, key)
            _draw_from_bytes(intensity[case], uniform, state[case])
        start = fetch_and_increment(counter) * rows


@njit(inline="always")
def _any_of_group(x: Any, i: Any) -> Any:
    """Whether one of eight numbers is not 0."""
    found = False
    for k in range(GROUP):
        found |= x[i + np.uint64(k)] != ZERO
    return found


@njit(nogil=True, error_model="numpy")
def _list_ones(x: Any, index: Any, value: Any) -> Any:
    """Write where x (n,) is not 0 and what it is there; return how often that is. The lists have room for n + 8."""
    n, count, i = len(x), np.uint64(0), 0
    while i < n:
        if i + GROUP > n or _any_of_group(x, np.uint64(i)):
            for k in range(i, min(n, i + GROUP)):
                v = x[np.uint64(k)]
                index[count], value[count] = k, v
                count += np.uint64(v != ZERO)
        i += GROUP
    return np.int64(count)


@njit(nogil=True, error_model="numpy")
def _copy(source: Any, source_start: Any, target: Any, target_start: Any, count: Any) -> None:
    """Copy some numbers; slices of arrays cost more than so short a copy."""
    for k in range(count):
        target[np.uint64(target_start + k)] = source[np.uint64(source_start + k)]


@cfunc(TABLE, cache=True, error_model="numpy")
def product_of_sparse(table: Any) -> None:
    """x (cases, n) W (n, m) -> out (cases, m), adding a row of W, in bfloat16, for every x that is not 0.

    table: x, W, out, cases, n, m, rows a piece, bytes from one row of W to the next.
    """
    counter, weights, stride = table[0], table[2], table[8]
    cases, n, m, rows = table[4], table[5], table[6], table[7]
    x, out = carray(floats_at(table[1]), (cases, n)), carray(floats_at(table[3]), (cases * m,))
    whole = m - m % LANES
    index, value = np.empty(n + GROUP, np.int32), np.empty(n + GROUP, np.float32)
    buffer = np.empty(LANES, np.float32)
    where, what, aside = index.ctypes.data, value.ctypes.data, buffer.ctypes.data
    start = fetch_and_increment(counter) * rows
    while start < cases:
        for case in range(start, min(cases, start + rows)):
            count = _list_ones(x[case], index, value)
            row = table[3] + 4 * case * m
            for j in range(0, whole, LANES):
                add_rows_of_bfloat16(row + 4 * j, weights + 2 * j, stride, where, what, count, ZERO)
            if whole < m:
                add_rows_of_bfloat16(aside, weights + 2 * whole, stride, where, what, count, ZERO)
                _copy(buffer, 0, out, case * m + whole, m - whole)
        start = fetch_and_increment(counter) * rows


@njit(nogil=True, error_model="numpy")
def _list_cases(x: Any, first: Any, last: Any, scale: Any, index: Any, value: Any, counts: Any) -> None:
    """For each of some columns of x (cases, n), write in which cases it is not 0 and what it is there, scaled."""
    counts[:] = 0
    for case in range(len(x)):
        row = x[case]
        for start in range(first, last, GROUP):
            if start + GROUP > last or _any_of_group(row, np.uint64(start)):
                for i in range(start, min(start + GROUP, last)):
                    # Written in any case, counted if it is not 0: a branch would be guessed wrong too often.
                    k, v = np.uint64(i - first), row[np.uint64(i)]
                    index[k, counts[k]], value[k, counts[k]] = case, v * scale
                    counts[k] += np.uint64(v != ZERO)


@njit(inline="always")
def _rounded(x: Any) -> Any:
    """Return the bfloat16 nearest to a float32, ties to even, as uint16."""
    bits = np.float32(x).view(np.uint32)
    even = np.uint32(np.uint32(bits >> HALF_WORD) & np.uint32(1))
    return np.uint16(np.uint32(bits + np.uint32(0x7FFF) + even) >> HALF_WORD)


@njit(nogil=True, error_model="numpy")
def _pack_rows(weights: Any, rows: Any, first: Any, last: Any) -> None:
    """Round some rows of the weights (n, m) into their packed copy."""
    for i in range(np.uint64(first), np.uint64(last)):
        for j in range(np.uint64(weights.shape[1])):
            rows[i, j] = _rounded(weights[i, j])


@cfunc(TABLE, cache=True, error_model="numpy")
def pack(table: Any) -> None:
    """W (n, m) -> the same in bfloat16; table: W, rows, n, m, numbers from one row to the next."""
    counter, n, m = table[0], table[3], table[4]
    weights, rows = carray(floats_at(table[1]), (n, m)), carray(halves_at(table[2]), (n, table[5]))
    first = fetch_and_increment(counter) * UNITS
    while first < n:
        _pack_rows(weights, rows, first, min(n, first + UNITS))
        first = fetch_and_increment(counter) * UNITS


@njit(nogil=True, error_model="numpy", fastmath={"contract"})
def _descend_row(weights: Any, velocity: Any, gradient: Any, i: Any, start: Any, width: Any, factors: Any) -> None:
    """g += decay w; b = momentum b + g; w -= rate b: torch's SGD, on a piece of a row."""
    decay, momentum, rate = factors[2], factors[3], factors[4]
    for k in range(width):
        j = start + k
        w = weights[i, j]
        b = momentum * velocity[i, j] + (gradient[k] + decay * w)
        velocity[i, j] = b
        weights[i, j] = w - rate * b


@cfunc(TABLE, cache=True, error_model="numpy", fastmath={"contract"})
def descend(table: Any) -> None:
    """One step of stochastic gradient descent on the weights, in one pass over them, from sparse states.

        g = a x_model' y_model + c x_data' y_data,  then as `_descend_row`; a packed copy, if there is one, follows

    table: x_model, y_model, cases, x_data, y_data, cases, W, velocity, n, m, bytes from one row of y to the next,
    address of (a, c, decay, momentum, rate), packed rows or 0, numbers from one of them to the next.
    """
    counter, n, m, stride = table[0], table[9], table[10], table[11]
    x_model, x_data = carray(floats_at(table[1]), (table[3], n)), carray(floats_at(table[4]), (table[6], n))
    weights, velocity = carray(floats_at(table[7]), (n, m)), carray(floats_at(table[8]), (n, m))
    factors = carray(floats_at(table[12]), (5,))
    rows = carray(halves_at(table[13]), (n, table[14]))
    most = max(table[3], table[6]) + 1
    index, value = np.empty((2, UNITS, most), np.int32), np.empty((2, UNITS, most), np.float32)
    counts, gradient = np.empty((2, UNITS), np.uint64), np.empty(LANES, np.float32)
    where, what, out = index.ctypes.data, value.ctypes.data, gradient.ctypes.data
    first = fetch_and_increment(counter) * UNITS
    while first < n:
        last = min(n, first + UNITS)
        _list_cases(x_model, first, last, factors[0], index[0], value[0], counts[0])
        _list_cases(x_data, first, last, factors[1], index[1], value[1], counts[1])
        # Columns outside, so that those of y stay in the first cache while all rows of this piece use them.
        for j in range(0, m, LANES):
            y_model, y_data, width = table[2] + 4 * j, table[5] + 4 * j, min(LANES, m - j)
            for i in range(first, last):
                k = np.uint64(i - first)
                model, data = 4 * (i - first) * most, 4 * (UNITS + i - first) * most
                add_rows_of_float32(out, y_model, stride, where + model, what + model, np.int64(counts[0, k]), ZERO)
                add_rows_of_float32(out, y_data, stride, where + data, what + data, np.int64(counts[1, k]), ONE)
                _descend_row(weights, velocity, gradient, np.uint64(i), np.uint64(j), np.uint64(width), factors)
        if table[13] != 0:
            _pack_rows(weights, rows, first, last)
        first = fetch_and_increment(counter) * UNITS
