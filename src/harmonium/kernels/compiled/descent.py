"""A step of gradient descent on the weights in one pass over them, from the ones of sparse visible states."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from harmonium.kernels.compiled.elementary import inlined
from harmonium.kernels.compiled.intrinsics import HALF, LANES, floats_at, words_at
from harmonium.kernels.compiled.lists import list_case_pairs, list_case_words, list_cases
from harmonium.kernels.compiled.packing import (
    ONE,
    largest_of,
    pack_floats,
    pack_means,
    pack_whole_columns,
    pack_whole_means,
    pack_whole_rows,
    pairs_of,
    scale_of,
)
from harmonium.kernels.compiled.pieces import STAGE, arrive, finish_piece, next_piece, wait_for_all
from harmonium.kernels.compiled.sums import (
    ROW,
    WIDE,
    add_rows_of_floats,
    add_rows_of_pairs,
    add_scaled_rows_of_floats,
    add_scaled_rows_of_pairs,
)
from harmonium.kernels.compiled.words import MOST, MULTIPLIES_PAIRS

TABLE = types.void(types.CPointer(types.int64))
TILE = 128
"""So many rows of means are walked through at once: those of one block, or of two of pairs, fit the first cache."""

CASES = 32
"""So many cases make a piece of work where means are packed."""


@njit(nogil=True, error_model="numpy")
def _add_phase(
    x: Any, first: Any, last: Any, y: Any, shift: Any, apart: Any, width: Any, lists: Any, gradient: Any, keep: Any
) -> None:
    """Add x' y of one phase to the gradient of some visible units, tile by tile of cases.

    y is the address of all means in blocks, `apart` bytes from one to the next; this phase begins at case `shift`.
    """
    index, value, counts = lists
    out, wide = gradient.ctypes.data, gradient.shape[1]
    if len(x) == 0 and not keep:
        gradient[:] = 0
    ones, values, of_unit = index.ctypes.data, value.ctypes.data, 4 * index.shape[1]
    for start in range(0, len(x), TILE):
        binary = list_cases(x, first, last, start, min(len(x), start + TILE), index, value, counts)
        kept = keep or start > 0
        # Blocks outside: all units of this piece find the tile of one of them in the nearest cache.
        for block in range(width):
            rows = y + block * apart + ((shift + start) << ROW)
            for k in range(last - first):
                target, count, where = out + 4 * (k * wide + block * LANES), np.int64(counts[np.uint64(k)]), k * of_unit
                begin = target if kept else 0
                if binary:
                    add_rows_of_floats(target, rows, 0, ones + where, values, count, begin)
                else:
                    add_scaled_rows_of_floats(target, rows, 0, ones + where, values + where, count, begin)


@njit(nogil=True, error_model="numpy")
def _add_words(
    x: Any, first: Any, last: Any, y: Any, shift: Any, apart: Any, width: Any, lists: Any, gradient: Any, scale: Any
) -> Any:
    """Write x' y of both phases, of states that are -1, 0 or 1: means are whole numbers, two cases to a word.

    The data begin at pair `shift`. Returns whether all states are so; if not, the gradient is void. Both phases share a
    tile where they have few cases, since to begin a sum takes as long as to add some rows.
    """
    index, word, counts = lists
    counts[:], used, kept = 0, 0, False
    for phase in range(2):
        of_phase, begin = (x[1], shift) if phase else (x[0], 0)
        for start in range(0, len(of_phase), 2 * TILE):
            stop = min(len(of_phase), start + 2 * TILE)
            if used + pairs_of(stop - start) > TILE:
                _add_listed_words(last - first, y, apart, width, lists, gradient, scale, kept)
                counts[:], used, kept = 0, 0, True
            if not list_case_words(of_phase, first, last, start, stop, index, word, counts, begin + start // 2):
                return False
            used += pairs_of(stop - start)
    _add_listed_words(last - first, y, apart, width, lists, gradient, scale, kept)
    return True


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
    x: Any, first: Any, last: Any, y: Any, shift: Any, apart: Any, width: Any, lists: Any, gradient: Any, keep: Any
) -> None:
    """Add x' y of one phase, of any states, where means are whole numbers; the phase begins at pair `shift`."""
    index, value, counts, scale = lists
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


@inlined("contract", "reassoc", "nsz")
def _center_row(gradient: Any, k: Any, mean: Any, hidden: Any, sums: Any) -> Any:
    """g_j -= visible mean * hidden difference_j; return g . hidden mean. Adds visible mean * g to the sums."""
    dot = np.float32(0)
    for j in range(np.uint64(hidden.shape[1])):
        g = gradient[k, j] - mean * hidden[1, j]
        gradient[k, j] = g
        dot += g * hidden[0, j]
        sums[j] += mean * g
    return dot


@inlined("contract")
def _descend_row(weights: Any, velocity: Any, gradient: Any, i: Any, k: Any, factors: Any) -> None:
    """g += decay w; b = momentum b + g; w -= rate b: torch's SGD, on row i with row k of the gradient.

    Without momentum there is no b.
    """
    decay, momentum, rate = factors[0], factors[1], factors[2]
    if momentum == np.float32(0):
        for j in range(np.uint64(weights.shape[1])):
            w = weights[i, j]
            weights[i, j] = w - rate * (gradient[k, j] + decay * w)
        return
    for j in range(np.uint64(weights.shape[1])):
        w = weights[i, j]
        b = momentum * velocity[i, j] + (gradient[k, j] + decay * w)
        velocity[i, j] = b
        weights[i, j] = w - rate * b


@njit(nogil=True, error_model="numpy")
def descend_rows(
    weights: Any, velocity: Any, gradient: Any, first: Any, last: Any, factors: Any, centre: Any, sums: Any
) -> None:
    """Centre the gradient of some rows where offsets are given, and take the step on them."""
    centred, visible, hidden, dots = centre
    if centred:
        sums[:] = 0
    for k in range(np.uint64(last - first)):
        i = np.uint64(first) + k
        if centred:
            dots[i] = _center_row(gradient, k, visible[i], hidden, sums)
        _descend_row(weights, velocity, gradient, i, k, factors)


@njit(nogil=True, error_model="numpy")
def add_to_first(sums: Any) -> None:
    """Add all rows to the first."""
    for piece in range(1, len(sums)):
        for j in range(sums.shape[1]):
            sums[0, j] += sums[piece, j]


@njit(inline="always")
def offsets_at(first: Any, second: Any, third: Any, n: Any, m: Any) -> Any:
    """Return the visible offsets (n,), and of the hidden units (2, m) the offsets and the differences of means."""
    hidden = np.zeros((2, m), np.float32)
    if first != 0:
        hidden[0], hidden[1] = carray(floats_at(second), (m,)), carray(floats_at(third), (m,))
    return carray(floats_at(first), (n,)), hidden


@njit(inline="always")
def arrays_of(table: Any) -> Any:
    """Return the arrays of a table as `descend` has it: states, means, W, velocity, numbers, offsets and dots, sums."""
    of_model, of_data, n, m, units = table[2], table[4], table[10], table[11], table[13]
    visible, hidden = offsets_at(table[14], table[15], table[16], n, m)
    return (
        (carray(floats_at(table[1]), (of_model, n)), carray(floats_at(table[3]), (of_data, n))),
        (carray(floats_at(table[5]), (of_model, m)), carray(floats_at(table[6]), (of_data, m))),
        carray(floats_at(table[8]), (n, m)),
        carray(floats_at(table[9]), (n, m)),
        carray(floats_at(table[12]), (6,)),
        (table[14] != 0, visible, hidden, carray(floats_at(table[17]), (n,))),
        carray(floats_at(table[18]), ((n + units - 1) // units, m)),
    )


def _phases(pack: Any) -> Any:
    """Return the function that packs the means of both phases by one that packs those of some cases."""

    @njit(nogil=True, error_model="numpy")
    def pack_phases(counter: Any, side: Any, y: Any, shift: Any, out: Any, centre: Any, factors: Any) -> None:
        """Pack the means of both phases, less a centre and times their factors, all threads together.

        Those of the data begin at row `shift`. Returns when all are there.
        """
        of_model, of_data = y
        before = (len(of_model) + CASES - 1) // CASES
        pieces = before + (len(of_data) + CASES - 1) // CASES
        piece = next_piece(counter, side, pieces)
        while piece < pieces:
            first = (piece if piece < before else piece - before) * CASES
            if piece < before:
                pack(of_model, out, first, min(len(of_model), first + CASES), centre, factors[3], 0)
            else:
                pack(of_data, out, first, min(len(of_data), first + CASES), centre, factors[4], shift)
            finish_piece(counter, pieces)
            piece = next_piece(counter, side, pieces)
        wait_for_all(counter, pieces)

    return pack_phases


pack_phases, pack_rounded_phases = _phases(pack_floats), _phases(pack_means)
pack_whole_phases = _phases(pack_whole_means)


def _pairs(pack: Any) -> Any:
    @njit(inline="always")
    def pack_pairs(table: Any, side: Any, y: Any, centre: Any, factors: Any) -> Any:
        """Pack the means of a table of `descend_rounded`; return where the data begin, and the number of all."""
        shift = pairs_of(table[2])
        of_both = shift + pairs_of(table[4])
        means = carray(words_at(table[7]), ((table[11] + LANES - 1) // LANES, of_both, LANES))
        pack(table[0], side, y, shift, means, centre[2][0], factors)
        return shift, of_both

    return pack_pairs


pack_pairs, pack_whole_pairs = _pairs(pack_rounded_phases), _pairs(pack_whole_phases)


@cfunc(TABLE, cache=True, error_model="numpy")
def descend(table: Any) -> None:
    """One step of stochastic gradient descent on the weights.

        g = x_model' y_model + x_data' y_data - a d',  then as `_descend_row`

    where the y are less the hidden offsets, and times their factors.

    table: x_model, cases, x_data, cases, y_model, y_data, room for both y in blocks, W, velocity, n, m, address of
    (decay, momentum, rate, factor of the model, of the data, 1), visible units a piece (a multiple of 32), offsets (or
    0): visible (n,), hidden (m,), differences of means (m,); dots (n,), sums (pieces, m), the first all at last.
    """
    counter, of_model, of_data, n, m, units = table[0], table[2], table[4], table[10], table[11], table[13]
    (x_model, x_data), y, weights, velocity, factors, centre, sums = arrays_of(table)
    width, side = (m + LANES - 1) // LANES, arrive(counter)
    means = carray(floats_at(table[7]), (width, of_model + of_data, LANES))
    pack_phases(counter, side, y, of_model, means, centre[2][0], factors)
    index, value = np.empty((units, TILE + 1), np.int32), np.empty((units, TILE + 1), np.float32)
    lists = index, value, np.empty(units, np.uint64)
    gradient, apart = np.empty((units, width * LANES), np.float32), (of_model + of_data) << ROW
    pieces = (n + units - 1) // units
    piece = next_piece(counter + STAGE, side, pieces)
    while piece < pieces:
        first, last = piece * units, min(n, (piece + 1) * units)
        _add_phase(x_model, first, last, table[7], 0, apart, width, lists, gradient, False)
        _add_phase(x_data, first, last, table[7], of_model, apart, width, lists, gradient, True)
        descend_rows(weights, velocity, gradient, first, last, factors, centre, sums[piece])
        if finish_piece(counter + STAGE, pieces) and centre[0]:
            add_to_first(sums)
        piece = next_piece(counter + STAGE, side, pieces)


@cfunc(TABLE, cache=True, error_model="numpy")
def descend_rounded(table: Any) -> None:
    """Do the same with rounded means, pairs of cases in words, and pack the new weights.

    table: as above, but factors of both phases are divided by the number after them, the scale of the means, so that
    these are whole numbers of 16 bits; and pairs of the rows and of the columns of W, address of the scale at which
    these are packed, and after it the one that the new weights need; room for a number a piece.
    """
    counter, n, m, units = table[0], table[10], table[11], table[13]
    (x_model, x_data), y, weights, velocity, factors, centre, sums = arrays_of(table)
    width, side = (m + LANES - 1) // LANES, arrive(counter)
    shift, of_both = pack_whole_pairs(table, side, y, centre, factors)
    room, scale = (units, TILE + HALF), factors[5]
    index, word, value = np.empty(room, np.int32), np.empty(room, np.int32), np.empty((*room, 2), np.float32)
    words, values = (index, word, np.empty(units, np.int64)), (index, value, np.empty(units, np.uint64), scale)
    gradient, apart = np.empty((units, (m + WIDE - 1) // WIDE * WIDE), np.float32), of_both << ROW
    rows = carray(words_at(table[19]), (width, pairs_of(n), LANES))
    columns = carray(words_at(table[20]), ((n + LANES - 1) // LANES, pairs_of(m), LANES))
    nothing, pieces = np.zeros(m, np.float32), (n + units - 1) // units
    scales, largest = carray(floats_at(table[21]), (2,)), carray(words_at(table[22]), (pieces,))
    piece = next_piece(counter + STAGE, side, pieces)
    while piece < pieces:
        first, last = piece * units, min(n, (piece + 1) * units)
        exact = MULTIPLIES_PAIRS and max(len(x_model), len(x_data)) < MOST
        if MULTIPLIES_PAIRS and exact:
            phases = x_model, x_data
            exact = _add_words(phases, first, last, table[7], shift, apart, width, words, gradient, scale)
        if not exact:
            _add_scaled_phase(x_model, first, last, table[7], 0, apart, width, values, gradient, False)
            _add_scaled_phase(x_data, first, last, table[7], shift, apart, width, values, gradient, True)
        descend_rows(weights, velocity, gradient, first, last, factors, centre, sums[piece])
        pack_whole_rows(weights, rows, first, last, nothing, ONE / scales[0], 0)
        pack_whole_columns(weights, columns, first, last, ONE / scales[0], 0)
        largest[piece] = largest_of(weights, first, last)
        if finish_piece(counter + STAGE, pieces):
            scales[1] = scale_of(max(largest))
            if centre[0]:
                add_to_first(sums)
        piece = next_piece(counter + STAGE, side, pieces)


@cfunc(TABLE, cache=True, error_model="numpy")
def descend_layers(table: Any) -> None:
    """One step on the parameters of both layers, by one thread: g = scale (model - data) - correction, then as torch.

    table: address of (momentum, rate, scale), how many parameters, and for each: it, its velocity or 0, the averages
    under model and data, the correction or 0, its size.
    """
    factors = carray(floats_at(table[1]), (3,))
    momentum, rate, scale = factors[0], factors[1], factors[2]
    for k in range(table[2]):
        start = 3 + 6 * k
        size = (table[start + 5],)
        parameter, velocity = carray(floats_at(table[start]), size), carray(floats_at(table[start + 1]), size)
        model, data = carray(floats_at(table[start + 2]), size), carray(floats_at(table[start + 3]), size)
        correction = carray(floats_at(table[start + 4]), size)
        for i in range(np.uint64(size[0])):
            g = scale * (model[i] - data[i])
            if table[start + 4] != 0:
                g -= correction[i]
            if table[start + 1] != 0:
                g += momentum * velocity[i]
                velocity[i] = g
            parameter[i] -= rate * g
