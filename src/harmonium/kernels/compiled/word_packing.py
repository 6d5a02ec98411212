"""Weights laid out as whole numbers of 16 bits, two to a word."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, types

from harmonium.kernels.compiled.intrinsics import LANES, floats_at, words_at
from harmonium.kernels.compiled.packing import ONE, largest_of, pack_whole_columns, pack_whole_rows, pairs_of, scale_of
from harmonium.kernels.compiled.pieces import STAGE, arrive, finish_piece, next_piece, wait_for_all

TABLE = types.void(types.CPointer(types.int64))


@cfunc(TABLE, cache=True, error_model="numpy")
def pack_whole(table: Any) -> None:
    """W (n, m) -> pairs of its rows and of its columns, whole numbers that count by a scale.

    table: W, both, n, m, rows a piece (a multiple of 32), address of the scale, room for a number a piece.
    """
    counter, n, m, units = table[0], table[4], table[5], table[6]
    weights, nothing = carray(floats_at(table[1]), (n, m)), np.zeros(m, np.float32)
    rows = carray(words_at(table[2]), ((m + LANES - 1) // LANES, pairs_of(n), LANES))
    columns = carray(words_at(table[3]), ((n + LANES - 1) // LANES, pairs_of(m), LANES))
    side, pieces = arrive(counter), (n + units - 1) // units
    scale, largest = carray(floats_at(table[7]), (1,)), carray(words_at(table[8]), (pieces,))
    piece = next_piece(counter, side, pieces)
    while piece < pieces:
        largest[piece] = largest_of(weights, piece * units, min(n, (piece + 1) * units))
        finish_piece(counter, pieces)
        piece = next_piece(counter, side, pieces)
    wait_for_all(counter, pieces)
    scale[0] = scale_of(max(largest))  # by each thread, all the same
    piece = next_piece(counter + STAGE, side, pieces)
    while piece < pieces:
        first, last = piece * units, min(n, (piece + 1) * units)
        pack_whole_rows(weights, rows, first, last, nothing, ONE / scale[0], 0)
        pack_whole_columns(weights, columns, first, last, ONE / scale[0], 0)
        piece = next_piece(counter + STAGE, side, pieces)
