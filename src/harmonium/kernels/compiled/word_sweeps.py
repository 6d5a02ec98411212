"""Gibbs sweeps whose products are made of words, each of two whole numbers of 16 bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from harmonium.kernels.compiled.drawing import draw_whole_states
from harmonium.kernels.compiled.instructions import IN_ONE
from harmonium.kernels.compiled.intrinsics import HALF, LANES, floats_at
from harmonium.kernels.compiled.packing import pairs_of
from harmonium.kernels.compiled.sums import ROW, WIDE, add_rows_of_pairs
from harmonium.kernels.compiled.sweeps import starter, sweeper
from harmonium.kernels.compiled.word_tables import DENSE_BY_TABLES, multiply_by_tables
from harmonium.kernels.compiled.words import DENSE, GROUP, append_nonzero, multiply_group

BY_TABLES = not IN_ONE
"""Whether all states are taken by tables, not multiplied: that is faster where a product takes two instructions."""

MANY = DENSE_BY_TABLES if BY_TABLES else DENSE
"""Beyond this share of the pairs, all of them are taken."""

GROUPS = 14 if BY_TABLES else 5
"""The most groups of chains that make a piece of work: they share a block of weights in a near cache, or tables."""


@njit(nogil=True, error_model="numpy")
def _list(states: Any, case: Any, pairs: Any, index: Any, word: Any) -> Any:
    """Write which words of a case are not 0, and these; return how many."""
    source, count = states.ctypes.data + 2 * case * states.shape[1], 0
    for start in range(0, pairs, HALF):
        ones, words = index.ctypes.data + 4 * count, word.ctypes.data + 4 * count
        count += append_nonzero(source + 4 * start, start, ones, words)
    return count


@njit(nogil=True, error_model="numpy")
def _multiply_groups(states: Any, cases: Any, n: Any, m: Any, right: Any, scale: Any, out: Any) -> None:
    """Write the product of states with packed weights (n, m), times a scale: the words of `GROUP` cases at a time."""
    pairs, apart, pitch, nothing = pairs_of(n), 4 * out.shape[1], 2 * states.shape[1], np.zeros(WIDE, np.float32)
    for j in range(0, m, WIDE):
        rows, further = right + ((j // LANES * pairs) << ROW), pairs << ROW if j + LANES < m else 0
        for case in range(0, cases, GROUP):
            source, target = states.ctypes.data + case * pitch, out.ctypes.data + case * apart + 4 * j
            multiply_group(source, pitch, rows, further, pairs, target, apart, nothing.ctypes.data, scale)


_multiply_all = multiply_by_tables if BY_TABLES else _multiply_groups


@njit(nogil=True, error_model="numpy")
def _multiply(states: Any, cases: Any, n: Any, m: Any, right: Any, scale_at: Any, out: Any) -> None:
    """Write the product of states with packed weights: rows are added, or all taken if the first case has many."""
    pairs, apart, scale = pairs_of(n), 4 * out.shape[1], carray(floats_at(scale_at), (1,))[0]
    index, word = np.empty((cases, pairs + HALF), np.int32), np.empty((cases, pairs + HALF), np.int32)
    counts = np.empty(cases, np.int64)
    counts[0] = _list(states, 0, pairs, index[0], word[0])
    if counts[0] > MANY * pairs:
        _multiply_all(states, cases, n, m, right, scale, out)
        return
    for case in range(1, cases):
        counts[case] = _list(states, case, pairs, index[case], word[case])
    for j in range(0, m, WIDE):
        rows, further = right + ((j // LANES * pairs) << ROW), pairs << ROW if j + LANES < m else 0
        target = out.ctypes.data + 4 * j
        for case in range(cases):
            ones, words = index[case].ctypes.data, word[case].ctypes.data
            add_rows_of_pairs(target + case * apart, rows, further, ones, words, counts[case], 0, scale)


_sweep, _start = sweeper(draw_whole_states, 1, _multiply, WIDE), starter(1, _multiply, WIDE)
TABLE = types.void(types.CPointer(types.int64))


@cfunc(TABLE, cache=True, error_model="numpy")
def start_words(table: Any) -> None:
    """Take the start of sweeps as `sweeps.starter` says, with the arguments of `sweep_words`."""
    _start(table)


@cfunc(TABLE, cache=True, error_model="numpy")
def sweep_words(table: Any) -> None:
    """Sweep as `sweeps.sweeper` says; `multiply` is told the address of the scale of W, a piece is a multiple of 6."""
    _sweep(table)
