"""The hot loops compiled by numba. Each is called by every thread with the same table; see `threads.run`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from harmonium.kernels.intrinsics import (
    HALF,
    LANES,
    add_rows_of_float32,
    add_rows_of_pairs,
    bytes_at,
    fetch_and_increment,
    floats_at,
    words_at,
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
UNITS = 2 * LANES
"""So many visible units make a piece of work of a step: whole blocks of the transpose."""
WORD_ROW, FLOAT_ROW = np.int64(6), np.int64(7)
"""Binary logarithms of the bytes of a row of a block, of pairs and of float32."""


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


@njit(nogil=True, error_model="numpy")
def _cases(counter: Any, cases: Any, rows: Any) -> Any:
    """Yield the cases of this thread's pieces, so many at a time, until no piece is left."""
    start = fetch_and_increment(counter) * rows
    while start < cases:
        for case in range(start, min(cases, start + rows)):  # noqa: UP028 (numba knows no "yield from")
            yield case
        start = fetch_and_increment(counter) * rows


@cfunc(TABLE, cache=True, error_model="numpy")
def sample_from_field(table: Any) -> None:
    """field (cases, n), bias (n,) -> state (cases, n); table: field, bias, state, cases, n, rows a piece, key."""
    cases, n, quarter = table[4], table[5], (table[5] + 3) // 4
    field, bias = carray(floats_at(table[1]), (cases, n)), carray(floats_at(table[2]), (n,))
    state, uniform = carray(floats_at(table[3]), (cases, n)), np.empty(4 * quarter, np.float32)
    for case in _cases(table[0], cases, table[6]):
        fill_uniform(uniform, case * quarter, table[7])
        _draw_from_field(field[case], bias, uniform, state[case])


@cfunc(TABLE, cache=True, error_model="numpy")
def sample_from_probability(table: Any) -> None:
    """probability (cases, n) -> state (cases, n); table: probability, state, cases, n, rows a piece, key."""
    cases, n, quarter = table[3], table[4], (table[4] + 3) // 4
    probability, state = carray(floats_at(table[1]), (cases, n)), carray(floats_at(table[2]), (cases, n))
    uniform = np.empty(4 * quarter, np.float32)
    for case in _cases(table[0], cases, table[5]):
        fill_uniform(uniform, case * quarter, table[6])
        _draw_from_probability(probability[case], uniform, state[case])


@cfunc(TABLE, cache=True, error_model="numpy")
def sample_from_bytes(table: Any) -> None:
    """intensity (cases, n) uint8 of 255 -> state (cases, n); table: intensity, state, cases, n, rows a piece, key."""
    cases, n, quarter = table[3], table[4], (table[4] + 3) // 4
    intensity, state = carray(bytes_at(table[1]), (cases, n)), carray(floats_at(table[2]), (cases, n))
    uniform = np.empty(4 * quarter, np.float32)
    for case in _cases(table[0], cases, table[5]):
        fill_uniform(uniform, case * quarter, table[6])
        _draw_from_bytes(intensity[case], uniform, state[case])


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
    """x (cases, n) W (n, m) -> out (cases, m), adding a row of packed W for every x that is not 0.

    table: x, pairs of W, out, cases, n, m, cases a piece.
    """
    counter, cases, n, m, most = table[0], table[4], table[5], table[6], table[7]
    x, out = carray(floats_at(table[1]), (cases, n)), carray(floats_at(table[3]), (cases * m,))
    index, value = np.empty((most, n + GROUP), np.int32), np.empty((most, n + GROUP), np.float32)
    counts, buffer = np.empty(most, np.int64), np.empty(LANES, np.float32)
    where, what, apart = index.ctypes.data, value.ctypes.data, 4 * (n + GROUP)
    start = fetch_and_increment(counter) * most
    while start < cases:
        stop = min(cases, start + most)
        for case in range(start, stop):
            counts[case - start] = _list_ones(x[case], index[case - start], value[case - start])
        # Blocks outside: one of them fits into the first cache, and all cases of this piece use it there.
        for j in range(0, m, LANES):
            block = table[2] + 2 * j * n
            for case in range(start, stop):
                k = case - start
                target = table[3] + 4 * (case * m + j) if j + LANES <= m else buffer.ctypes.data
                add_rows_of_pairs(target, block, WORD_ROW, where + k * apart, what + k * apart, counts[k], ZERO)
                if j + LANES > m:
                    _copy(buffer, 0, out, case * m + j, m - j)
        start = fetch_and_increment(counter) * most


@njit(nogil=True, error_model="numpy")
def _list_cases(x: Any, first: Any, last: Any, shift: Any, scale: Any, index: Any, value: Any, counts: Any) -> None:
    """For each of some columns of x (cases, n), list in which cases it is not 0, shifted, and what it is, scaled."""
    for case in range(len(x)):
        row = x[case]
        for start in range(first, last, GROUP):
            if start + GROUP > last or _any_of_group(row, np.uint64(start)):
                for i in range(start, min(start + GROUP, last)):
                    # Written in any case, counted if it is not 0: a branch would be guessed wrong too often.
                    k, v = np.uint64(i - first), row[np.uint64(i)]
                    index[k, counts[k]], value[k, counts[k]] = case + shift, v * scale
                    counts[k] += np.uint64(v != ZERO)


@njit(inline="always")
def _rounded(x: Any) -> Any:
    """Return the bfloat16 nearest to a float32, ties to even, as uint16."""
    bits = np.float32(x).view(np.uint32)
    even = np.uint32(np.uint32(bits >> HALF_WORD) & np.uint32(1))
    return np.uint16(np.uint32(bits + np.uint32(0x7FFF) + even) >> HALF_WORD)


@njit(nogil=True, error_model="numpy")
def _pack_rows(weights: Any, pairs: Any, first: Any, last: Any) -> None:
    """Round some rows of the weights (n, m) into pairs (blocks, n, 16): columns l and l + 16 of a block of 32."""
    m = weights.shape[1]
    whole, half = np.uint64(m // LANES), np.uint64(HALF)
    for i in range(np.uint64(first), np.uint64(last)):
        for block in range(whole):
            j = block * np.uint64(LANES)
            for k in range(half):
                upper = np.uint32(_rounded(weights[i, j + k + half])) << HALF_WORD
                pairs[block, i, k] = np.uint32(_rounded(weights[i, j + k]) | upper)
        if whole < len(pairs):
            for k in range(half):
                j = np.int64(whole) * LANES + np.int64(k)
                lower = np.uint32(_rounded(weights[i, j])) if j < m else np.uint32(0)
                upper = np.uint32(_rounded(weights[i, j + HALF])) if j + HALF < m else np.uint32(0)
                pairs[whole, i, k] = np.uint32(lower | np.uint32(upper << HALF_WORD))


@njit(nogil=True, error_model="numpy")
def _pack_columns(weights: Any, pairs: Any, first: Any, last: Any) -> None:
    """Do the same for the transpose: some rows of the weights (n, m) into pairs (blocks of n, m, 16)."""
    for start in range(first, last, LANES):
        block = np.uint64(start // LANES)
        for k in range(HALF):
            lower, upper = np.uint64(start + k), np.uint64(start + k + HALF)
            for j in range(np.uint64(weights.shape[1])):
                low = np.uint32(_rounded(weights[lower, j])) if start + k < last else np.uint32(0)
                high = np.uint32(_rounded(weights[upper, j])) if start + k + HALF < last else np.uint32(0)
                pairs[block, j, np.uint64(k)] = np.uint32(low | np.uint32(high << HALF_WORD))


@cfunc(TABLE, cache=True, error_model="numpy")
def pack(table: Any) -> None:
    """W (n, m) -> pairs of its rows and of its columns; table: W, both, n, m."""
    counter, n, m = table[0], table[4], table[5]
    weights = carray(floats_at(table[1]), (n, m))
    rows = carray(words_at(table[2]), ((m + LANES - 1) // LANES, n, HALF))
    columns = carray(words_at(table[3]), ((n + LANES - 1) // LANES, m, HALF))
    first = fetch_and_increment(counter) * UNITS
    while first < n:
        _pack_rows(weights, rows, first, min(n, first + UNITS))
        _pack_columns(weights, columns, first, min(n, first + UNITS))
        first = fetch_and_increment(counter) * UNITS


@cfunc(TABLE, cache=True, error_model="numpy")
def pack_floats(table: Any) -> None:
    """y (cases, m) -> some rows of (blocks, all, 32), 0 beyond m; table: y, out, cases, m, first row, all."""
    counter, cases, m, shift = table[0], table[3], table[4], np.uint64(table[5])
    blocks = (m + LANES - 1) // LANES
    y, out = carray(floats_at(table[1]), (cases, m)), carray(floats_at(table[2]), (blocks, table[6], LANES))
    block = fetch_and_increment(counter)
    while block < blocks:
        width = np.uint64(min(LANES, m - block * LANES))
        b, start = np.uint64(block), np.uint64(block * LANES)
        for case in range(np.uint64(cases)):
            for k in range(width):
                out[b, shift + case, k] = y[case, start + k]
            for k in range(width, np.uint64(LANES)):
                out[b, shift + case, k] = ZERO
        block = fetch_and_increment(counter)


@njit(nogil=True, error_model="numpy", fastmath={"contract"})
def _descend_row(weights: Any, velocity: Any, gradient: Any, i: Any, k: Any, factors: Any) -> None:
    """g += decay w; b = momentum b + g; w -= rate b: torch's SGD, on row i with row k of the gradient."""
    decay, momentum, rate = factors[2], factors[3], factors[4]
    for j in range(np.uint64(weights.shape[1])):
        w = weights[i, j]
        b = momentum * velocity[i, j] + (gradient[k, j] + decay * w)
        velocity[i, j] = b
        weights[i, j] = w - rate * b


@cfunc(TABLE, cache=True, error_model="numpy", fastmath={"contract"})
def descend(table: Any) -> None:
    """One step of stochastic gradient descent on the weights, in one pass over them, from sparse states.

        g = a x_model' y_model + c x_data' y_data,  then as `_descend_row`

    table: x_model, cases, x_data, cases, both y in blocks (model first), W, velocity, n, m, address of (a, c, decay,
    momentum, rate).
    """
    counter, of_model, of_data, n, m = table[0], table[2], table[4], table[8], table[9]
    x_model, x_data = carray(floats_at(table[1]), (of_model, n)), carray(floats_at(table[3]), (of_data, n))
    weights, velocity = carray(floats_at(table[6]), (n, m)), carray(floats_at(table[7]), (n, m))
    factors = carray(floats_at(table[10]), (5,))
    cases, wide = of_model + of_data, (m + LANES - 1) // LANES * LANES
    index, value = np.empty((UNITS, cases + 1), np.int32), np.empty((UNITS, cases + 1), np.float32)
    counts, gradient = np.empty(UNITS, np.uint64), np.empty((UNITS, wide), np.float32)
    where, what, out, apart = index.ctypes.data, value.ctypes.data, gradient.ctypes.data, 4 * (cases + 1)
    first = fetch_and_increment(counter) * UNITS
    while first < n:
        last = min(n, first + UNITS)
        counts[:] = 0
        _list_cases(x_model, first, last, 0, factors[0], index, value, counts)
        _list_cases(x_data, first, last, of_model, factors[1], index, value, counts)
        # Blocks outside: one of y fits into the first cache, and all rows of this piece use it there.
        for j in range(0, m, LANES):
            y = table[5] + 4 * j * cases
            for k in range(last - first):
                target, count = out + 4 * (k * wide + j), np.int64(counts[np.uint64(k)])
                add_rows_of_float32(target, y, FLOAT_ROW, where + k * apart, what + k * apart, count, ZERO)
        for k in range(np.uint64(last - first)):
            _descend_row(weights, velocity, gradient, np.uint64(first) + k, k, factors)
        first = fetch_and_increment(counter) * UNITS
