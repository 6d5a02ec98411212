"""Weights laid out in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, types

from harmonium.kernels.compiled.intrinsics import LANES, floats_at
from harmonium.kernels.compiled.packing import ONE, pack_floats
from harmonium.kernels.compiled.pieces import arrive, next_piece

TABLE = types.void(types.CPointer(types.int64))


@cfunc(TABLE, cache=True, error_model="numpy")
def pack_exactly(table: Any) -> None:
    """W (n, m) -> blocks (of m, n, 32), 0 beyond m; table: W, blocks, n, m, rows a piece."""
    counter, n, m, units = table[0], table[3], table[4], table[5]
    weights, nothing = carray(floats_at(table[1]), (n, m)), np.zeros(m, np.float32)
    out = carray(floats_at(table[2]), ((m + LANES - 1) // LANES, n, LANES))
    side, pieces = arrive(counter), (n + units - 1) // units
    first = next_piece(counter, side, pieces) * units
    while first < n:
        pack_floats(weights, out, first, min(n, first + units), nothing, ONE, 0)
        first = next_piece(counter, side, pieces) * units
