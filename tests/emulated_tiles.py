"""A plugin for pytest: the kernels for matrix registers (AMX) on a processor that has none, by registers of memory.

`make test-tiles` runs the tests of those kernels with it. On one thread, as there is one set of registers, and with a
cache of kernels of its own, as they hold its address.
"""

import ctypes

import numpy as np
from numba import carray, njit

import harmonium.packed
from harmonium.kernels import backend, threads, tiled
from harmonium.kernels.compiled import intrinsics

intrinsics.HAS_TILES = True

from harmonium.kernels.compiled import tiles  # noqa: E402  (it asks whether there are such registers)
from harmonium.kernels.compiled.intrinsics import LANES, floats_at, halves_at, words_at  # noqa: E402

MEMORY = ctypes.create_string_buffer(4 * LANES * LANES)
SUMS, PAIRS, UPPER, HALF_WORD = ctypes.addressof(MEMORY), LANES // 2, np.uint32(0xFFFF0000), np.uint32(16)


@njit
def open_tiles():
    """Nothing is to be opened."""


@njit
def close_tiles():
    """Nothing is to be closed."""


@njit
def clear_sums():
    """As of `tiles`."""
    carray(floats_at(SUMS), (LANES, LANES))[:] = 0


@njit
def add_product(left, apart, further, right, steps):
    """As of `tiles`: the same products, in another order."""
    sums = carray(floats_at(SUMS), (LANES, LANES))
    for step in range(steps):
        columns = carray(words_at(right + tiles.STEP * step), (PAIRS, LANES))
        for i in range(LANES):
            row = carray(halves_at(left + further * step + apart * i), (LANES,))
            for pair in range(PAIRS):
                first = np.uint32(np.uint32(row[2 * pair]) << HALF_WORD).view(np.float32)
                second = np.uint32(np.uint32(row[2 * pair + 1]) << HALF_WORD).view(np.float32)
                for j in range(LANES):
                    lower = np.uint32(columns[pair, j] << HALF_WORD).view(np.float32)
                    sums[i, j] += first * lower + second * np.uint32(columns[pair, j] & UPPER).view(np.float32)


@njit
def write_sums(out, apart):
    """As of `tiles`."""
    sums = carray(floats_at(SUMS), (LANES, LANES))
    for i in range(LANES):
        row = carray(floats_at(out + apart * i), (LANES,))
        for j in range(LANES):
            row[j] = sums[i, j]


for emulation in (open_tiles, close_tiles, clear_sums, add_product, write_sums):
    setattr(tiles, emulation.__name__, emulation)
for place in (backend, tiled, harmonium.packed):
    place.has_tiles = lambda: True
threads._openmp = lambda: None
