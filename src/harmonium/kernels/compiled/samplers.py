"""Samplers, means, and the sum of a free energy. Every thread calls them with the same table; see `threads.run`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from harmonium.kernels.compiled.elementary import LOG2_E, cosine, exp2, inlined, log, sine
from harmonium.kernels.compiled.intrinsics import bytes_at, doubles_at, floats_at
from harmonium.kernels.compiled.philox import fill_uniform
from harmonium.kernels.compiled.pieces import arrive, next_piece

TABLE = types.void(types.CPointer(types.int64))
ONE, ZERO, TWO, HALF = np.float32(1), np.float32(0), np.float32(2), np.float32(0.5)


@njit(nogil=True, error_model="numpy", forceinline=True)
def _times(x: Any, y: Any) -> Any:
    """x y, rounded before anything is added to it."""
    return np.float32(x * y)


@inlined("contract")
def draw_from_field(field: Any, scale: Any, bias: Any, uniform: Any, state: Any) -> None:
    """u < sigmoid(x) of x = scale field + bias, as u (1 + exp(-x)) < 1."""
    for j in range(len(state)):
        odds = exp2(np.float32(-(_times(scale, field[j]) + bias[j])) * LOG2_E)
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
    side, pieces = arrive(counter), (cases + rows - 1) // rows
    start = next_piece(counter, side, pieces) * rows
    while start < cases:
        for case in range(start, min(cases, start + rows)):  # noqa: UP028 (numba knows no "yield from")
            yield case
        start = next_piece(counter, side, pieces) * rows


@cfunc(TABLE, cache=True, error_model="numpy")
def sample_from_field(table: Any) -> None:
    """field (cases, n), bias (n,) -> state (cases, n); table: field, bias, state, cases, n, rows a piece, key."""
    cases, n, quarter = table[4], table[5], (table[5] + 3) // 4
    field, bias = carray(floats_at(table[1]), (cases, n)), carray(floats_at(table[2]), (n,))
    state, uniform = carray(floats_at(table[3]), (cases, n)), np.empty(4 * quarter, np.float32)
    for case in _cases(table[0], cases, table[6]):
        fill_uniform(uniform, case * quarter, table[7])
        draw_from_field(field[case], ONE, bias, uniform, state[case])


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


@inlined("contract")
def _draw_normal(mean: Any, deviation: Any, uniform: Any, state: Any) -> None:
    """Box & Muller 1958: r = sqrt(-2 log u), and r cos and r sin of a random angle are two normal numbers."""
    half = len(uniform) // 2
    for j in range(half):
        radius = np.float32(np.sqrt(np.float32(-TWO * log(ONE - uniform[j]))))
        angle = uniform[j + half] - HALF
        uniform[j], uniform[j + half] = radius * cosine(angle), radius * sine(angle)
    for j in range(len(state)):
        state[j] = mean[j] + deviation[j] * uniform[j]


@cfunc(TABLE, cache=True, error_model="numpy")
def sample_normal(table: Any) -> None:
    """mean (cases, n), deviation (n,) -> state; table: mean, deviation, state, cases, n, rows a piece, key."""
    cases, n, quarter = table[4], table[5], (table[5] + 3) // 4
    mean, deviation = carray(floats_at(table[1]), (cases, n)), carray(floats_at(table[2]), (n,))
    state, uniform = carray(floats_at(table[3]), (cases, n)), np.empty(4 * quarter, np.float32)
    for case in _cases(table[0], cases, table[6]):
        fill_uniform(uniform, case * quarter, table[7])
        _draw_normal(mean[case], deviation, uniform, state[case])


@inlined("contract")
def sigmoid(field: Any, bias: Any, mean: Any) -> None:
    """1 / (1 + exp(-field - bias)) of every unit of a case."""
    for j in range(len(mean)):
        mean[j] = ONE / (ONE + exp2(np.float32(-(field[j] + bias[j])) * LOG2_E))


@cfunc(TABLE, cache=True, error_model="numpy")
def mean_of_field(table: Any) -> None:
    """field (cases, n), bias (n,) -> sigmoid (cases, n); table: field, bias, mean, cases, n, rows a piece."""
    cases, n = table[4], table[5]
    field, bias = carray(floats_at(table[1]), (cases, n)), carray(floats_at(table[2]), (n,))
    mean = carray(floats_at(table[3]), (cases, n))
    for case in _cases(table[0], cases, table[6]):
        sigmoid(field[case], bias, mean[case])


@inlined("contract", "reassoc", "nsz")
def _sum_of_softplus(field: Any, bias: Any) -> Any:
    """log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), summed in float64."""
    total = 0.0
    for j in range(len(field)):
        x = field[j] + bias[j]
        total += np.float64(max(x, ZERO) + log(ONE + exp2(np.float32(-abs(x)) * LOG2_E)))
    return total


@cfunc(TABLE, cache=True, error_model="numpy")
def sum_of_softplus(table: Any) -> None:
    """field (cases, n), bias (n,) -> sum (cases,) float64; table: field, bias, sum, cases, n, rows a piece."""
    cases, n = table[4], table[5]
    field, bias = carray(floats_at(table[1]), (cases, n)), carray(floats_at(table[2]), (n,))
    out = carray(doubles_at(table[3]), (cases,))
    for case in _cases(table[0], cases, table[6]):
        out[case] = _sum_of_softplus(field[case], bias)
