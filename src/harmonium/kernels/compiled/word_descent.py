"""A step of gradient descent on the weights in one pass over them, of means and weights of 16 bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from harmonium.kernels.compiled.descent import (
    TILE,
    add_to_first,
    arrays_of,
    bits_of,
    descend_rows,
    pack_whole_pairs,
    states_of,
)
from harmonium.kernels.compiled.intrinsics import HALF, LANES, floats_at, words_at
from harmonium.kernels.compiled.lists import list_case_bits, list_case_pairs, list_case_words
from harmonium.kernels.compiled.packing import ONE, largest_of, pack_whole_columns, pack_whole_rows, pairs_of, scale_of
from harmonium.kernels.compiled.pieces import STAGE, arrive, finish_piece, next_piece
from harmonium.kernels.compiled.sums import ROW, WIDE, add_rows_of_pairs, add_scaled_rows_of_pairs

TABLE = types.void(types.CPointer(types.int64))


def _adder(list_words: Any) -> Any:
    """Return the function that sums means over listed states, by the one that lists these."""

    @njit(nogil=True, error_model="numpy")
    def add_words(
        x: Any,
        cases: Any,
        first: Any,
        last: Any,
        y: Any,
        shift: Any,
        apart: Any,
        width: Any,
        lists: Any,
        gradient: Any,
        scales: Any,
    ) -> Any:
        """Write x' y of both phases, of states that are -1, 0 or 1: means are whole numbers, two cases to a word.

        The data begin at pair `shift`. Returns whether all states are so; if not, the gradient is void. Both phases
        share a tile where they have few cases and one scale, since to begin a sum takes as long as to add some rows.
        """
        index, word, counts = lists
        counts[:], used, kept, scale = 0, 0, False, scales[0]
        for phase in range(2):
            of_phase, begin = (x[1], shift) if phase else (x[0], 0)
            if phase and scales[1] != scale:
                _add_listed_words(last - first, y, apart, width, lists, gradient, scale, kept)
                counts[:], used, kept, scale = 0, 0, True, scales[1]
            for start in range(0, cases[phase], 2 * TILE):
                stop = min(cases[phase], start + 2 * TILE)
                if used + pairs_of(stop - start) > TILE:
                    _add_listed_words(last - first, y, apart, width, lists, gradient, scale, kept)
                    counts[:], used, kept = 0, 0, True
                if not list_words(of_phase, first, last, start, stop, index, word, counts, begin + start // 2):
                    return False
                used += pairs_of(stop - start)
        _add_listed_words(last - first, y, apart, width, lists, gradient, scale, kept)
        return True

    return add_words


@njit(nogil=True, error_model="numpy")
def _add_listed_words(
    units: Any, y: Any, apart: Any, width: Any, lists: Any, gradient: Any, scale: Any, kept: Any
) -> None:
    """Add the rows of means that are listed to the gradient of some units, or set it to them."""
    (index, word, counts), out, wide = lists, gradient.ctypes.data, gradient.shape[1]
    room = 4 * index.shape[1]
    for block in range(0, width, 2):
        rows, further = y + block * apart, apart if block + 1 < width else 0
        for k in range(units):
            target, ones, words = out + 4 * (k * wide + block * LANES), index.ctypes.data + k * room, word.ctypes.data
            begin, count = target if kept else 0, counts[np.uint64(k)]
            add_rows_of_pairs(target, rows, further, ones, words + k * room, count, begin, scale)


@njit(nogil=True, error_model="numpy")
def _add_scaled_phase(
    x: Any,
    first: Any,
    last: Any,
    y: Any,
    shift: Any,
    apart: Any,
    width: Any,
    lists: Any,
    gradient: Any,
    scale: Any,
    keep: Any,
) -> None:
    """Add x' y of one phase, of any states, where means are whole numbers; the phase begins at pair `shift`."""
    index, value, counts = lists
    out, wide, room = gradient.ctypes.data, gradient.shape[1], index.shape[1]
    if len(x) == 0 and not keep:
        gradient[:] = 0
    for start in range(0, len(x), 2 * TILE):
        list_case_pairs(x, first, last, start, min(len(x), start + 2 * TILE), (index, value), counts)
        kept = keep or start > 0
        for block in range(0, width, 2):
            rows = y + block * apart + ((shift + start // 2) << ROW)
            further = apart if block + 1 < width else 0
            for k in range(last - first):
                target, count = out + 4 * (k * wide + block * LANES), np.int64(counts[np.uint64(k)])
                ones, values = index.ctypes.data + 4 * k * room, value.ctypes.data + 8 * k * room
                add_scaled_rows_of_pairs(target, rows, further, ones, values, count, target if kept else 0, scale)


_add_words, _add_bits = _adder(list_case_words), _adder(list_case_bits)


@njit(nogil=True, error_model="numpy")
def _add_states(
    table: Any, first: Any, last: Any, means: Any, width: Any, words: Any, values: Any, gradient: Any, factors: Any
) -> None:
    """Write x' y of the float32 states of a table; means are at an address, shifted for the data, and so far apart."""
    states, (y, shift, apart), cases = states_of(table), means, (table[2], table[4])
    if not _add_words(states, cases, first, last, y, shift, apart, width, words, gradient, factors[5:]):
        _add_scaled_phase(states[0], first, last, y, 0, apart, width, values, gradient, factors[5], False)
        _add_scaled_phase(states[1], first, last, y, shift, apart, width, values, gradient, factors[6], True)


@njit(nogil=True, error_model="numpy")
def _add_states_of_bits(
    table: Any, first: Any, last: Any, means: Any, width: Any, words: Any, _values: Any, gradient: Any, factors: Any
) -> None:
    """Do the same with the states of a table as bits."""
    (y, shift, apart), cases = means, (table[2], table[4])
    _add_bits(bits_of(table), cases, first, last, y, shift, apart, width, words, gradient, factors[5:])


def _descender(add_states: Any) -> Any:
    """Return the step, by the function that writes the gradient of some visible units."""

    @njit(nogil=True, error_model="numpy")
    def descend(table: Any) -> None:
        counter, n, m, units = table[0], table[10], table[11], table[13]
        y, weights, velocity, factors, centre, sums = arrays_of(table)
        width, side = (m + LANES - 1) // LANES, arrive(counter)
        shift, of_both = pack_whole_pairs(table, side, y, centre, factors)
        room, means = (units, TILE + HALF), (table[7], shift, of_both << ROW)
        index, word, value = np.empty(room, np.int32), np.empty(room, np.int32), np.empty((*room, 2), np.float32)
        words, values = (index, word, np.empty(units, np.int64)), (index, value, np.empty(units, np.uint64))
        gradient = np.empty((units, (m + WIDE - 1) // WIDE * WIDE), np.float32)
        rows = carray(words_at(table[19]), (width, pairs_of(n), LANES))
        columns = carray(words_at(table[20]), ((n + LANES - 1) // LANES, pairs_of(m), LANES))
        nothing, pieces = np.zeros(m, np.float32), (n + units - 1) // units
        scales, largest = carray(floats_at(table[21]), (2,)), carray(words_at(table[22]), (pieces,))
        piece = next_piece(counter + STAGE, side, pieces)
        while piece < pieces:
            first, last = piece * units, min(n, (piece + 1) * units)
            add_states(table, first, last, means, width, words, values, gradient, factors)
            descend_rows(weights, velocity, gradient, first, last, factors, centre, sums[piece])
            pack_whole_rows(weights, rows, first, last, nothing, ONE / scales[0], 0)
            pack_whole_columns(weights, columns, first, last, ONE / scales[0], 0)
            largest[piece] = largest_of(weights, first, last)
            if finish_piece(counter + STAGE, pieces):
                scales[1] = scale_of(max(largest))
                if centre[0]:
                    add_to_first(sums)
            piece = next_piece(counter + STAGE, side, pieces)

    return descend


_descend, _descend_bits = _descender(_add_states), _descender(_add_states_of_bits)


@cfunc(TABLE, cache=True, error_model="numpy")
def descend_rounded(table: Any) -> None:
    """Do what `float_descent.descend` does with rounded means, pairs of cases in words, and pack the new weights.

    table: as there, but factors of both phases are divided by the numbers after them, the scales of the means, so that
    these are whole numbers of 16 bits; and pairs of the rows and of the columns of W, address of the scale at which
    these are packed, and after it the one that the new weights need; room for a number a piece.
    """
    _descend(table)


@cfunc(TABLE, cache=True, error_model="numpy")
def descend_rounded_bits(table: Any) -> None:
    """Do the same with visible states as bits (`bits.py`)."""
    _descend_bits(table)
