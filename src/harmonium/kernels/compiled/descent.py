"""What steps of gradient descent on the weights in one pass over them share, and the step on the layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from harmonium.kernels.compiled.bits import blocks_of, room_for
from harmonium.kernels.compiled.copies import copy
from harmonium.kernels.compiled.elementary import inlined
from harmonium.kernels.compiled.intrinsics import LANES, floats_at, words_at
from harmonium.kernels.compiled.packing import (
    pack_floats,
    pack_means,
    pack_whole_means,
    pairs_of,
)
from harmonium.kernels.compiled.pieces import finish_piece, next_piece, wait_for_all

TABLE = types.void(types.CPointer(types.int64))
TILE = 128
"""So many rows of means are walked through at once: those of one block, or of two of pairs, fit the first cache."""

CASES = 32
"""So many cases make a piece of work where means are packed."""


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


@njit(nogil=True, error_model="numpy")
def offsets_at(first: Any, second: Any, third: Any, n: Any, m: Any) -> Any:
    """Return the visible offsets (n,), and of the hidden units (2, m) the offsets and the differences of means."""
    hidden = np.zeros((2, m), np.float32)
    if first != 0:
        copy(carray(floats_at(second), (m,)), hidden[0], 0, m)
        copy(carray(floats_at(third), (m,)), hidden[1], 0, m)
    return carray(floats_at(first), (n,)), hidden


@njit(nogil=True, error_model="numpy")
def states_of(table: Any) -> Any:
    """Return the visible states of the model and of the data, of the same table."""
    of_model, of_data, n = table[2], table[4], table[10]
    return carray(floats_at(table[1]), (of_model, n)), carray(floats_at(table[3]), (of_data, n))


@njit(nogil=True, error_model="numpy")
def bits_of(table: Any) -> Any:
    """Return the same where the table has them as bits (`bits.py`)."""
    of_model, of_data, blocks = room_for(table[2]), room_for(table[4]), blocks_of(table[10])
    return carray(words_at(table[1]), (blocks, of_model)), carray(words_at(table[3]), (blocks, of_data))


@njit(nogil=True, error_model="numpy")
def arrays_of(table: Any) -> Any:
    """Return the arrays of a table as `descend` has it: means, W, velocity, numbers, offsets and dots, sums."""
    of_model, of_data, n, m, units = table[2], table[4], table[10], table[11], table[13]
    visible, hidden = offsets_at(table[14], table[15], table[16], n, m)
    return (
        (carray(floats_at(table[5]), (of_model, m)), carray(floats_at(table[6]), (of_data, m))),
        carray(floats_at(table[8]), (n, m)),
        carray(floats_at(table[9]), (n, m)),
        carray(floats_at(table[12]), (7,)),
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
    @njit(nogil=True, error_model="numpy")
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
