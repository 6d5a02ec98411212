"""Products of many binary states with weights of 16 bits by tables: no state is multiplied.

Four rows of weights have sixteen subsets. Once the sums of all of these are written, four states of a case, as bits,
say which one to add, in place of four products. Sums are exact, as all of whole numbers here.

Source: Arlazarov, Dinic, Kronrod & Faradzhev 1970, "On economical construction of the transitive closure of a directed
graph": the method of the four Russians.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from harmonium.kernels.compiled.bits import bits_of_states
from harmonium.kernels.compiled.intrinsics import HALF, INT32, INT64, LANES, WORDS, load, words_at
from harmonium.kernels.compiled.packing import pairs_of
from harmonium.kernels.compiled.sums import ROW

ROWS = 4
"""So many rows share a table."""

SUBSETS, TABLES = 2**ROWS, LANES // ROWS
"""Sums in a table, and tables for a block of 32 rows: of 16 columns at once, to fit a quarter of a near cache."""

DENSE_BY_TABLES = 0.3
"""Beyond this share of the pairs, that is faster than adding the rows of some."""

LINE, BYTES = 6, 64
"""Binary logarithm of the bytes of a sum, and these."""


def _further(builder: Any, address: Any, bytes_further: int) -> Any:
    return builder.add(address, INT64(bytes_further))


@intrinsic
def write_tables(_context: Any, rows: Any, tables: Any) -> Any:
    """Write the sums of all subsets of each 4 of 32 rows in pairs, 16 columns: int32 (8, 16, 16); addresses.

    But for those of the empty subset, which are 0.
    """
    by_16 = ir.Constant(WORDS, [HALF] * HALF)

    def generate(target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        rows, tables = arguments
        with cgutils.for_range(builder, INT64(TABLES)) as loop:
            pairs = builder.add(rows, builder.shl(loop.index, INT64(ROW + 1)))
            single = []
            for pair in (0, 1):
                words = load(builder, _further(builder, pairs, pair << ROW), WORDS, BYTES)
                single += [builder.ashr(builder.shl(words, by_16), by_16), builder.ashr(words, by_16)]
            sums, table = [ir.Constant(WORDS, [0] * HALF)], builder.mul(loop.index, INT64(SUBSETS * BYTES))
            for subset in range(1, SUBSETS):
                lowest = (subset & -subset).bit_length() - 1
                sums.append(builder.add(sums[subset & (subset - 1)], single[lowest]))
                place = _further(builder, builder.add(tables, table), subset * BYTES)
                builder.store(sums[subset], builder.inttoptr(place, WORDS.as_pointer())).align = BYTES
        return target.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def add_from_tables(_context: Any, bits: Any, cases: Any, tables: Any, sums: Any) -> Any:
    """Add to sums (cases, 16) what 8 tables have for the 32 bits of each case: addresses of int32 and uint32."""

    def generate(target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        bits, cases, tables, sums = arguments
        with cgutils.for_range(builder, cases) as loop:
            of_case = load(builder, builder.add(bits, builder.shl(loop.index, INT64(2))), INT32, 4)
            mask, place = builder.zext(of_case, INT64), builder.add(sums, builder.shl(loop.index, INT64(LINE)))
            total = load(builder, place, WORDS, BYTES)
            for table in range(TABLES):
                shift = LINE - ROWS * table
                moved = builder.shl(mask, INT64(shift)) if shift >= 0 else builder.lshr(mask, INT64(-shift))
                row = builder.add(tables, builder.and_(moved, INT64((SUBSETS - 1) * BYTES)))
                part = load(builder, _further(builder, row, table * SUBSETS * BYTES), WORDS, BYTES)
                total = builder.add(total, part)
            builder.store(total, builder.inttoptr(place, WORDS.as_pointer())).align = BYTES
        return target.get_dummy_value()

    return types.void(*[types.int64] * 4), generate


@njit(nogil=True, error_model="numpy")
def multiply_by_tables(states: Any, cases: Any, n: Any, m: Any, right: Any, scale: Any, out: Any) -> None:
    """Write the product of states of 16 bits, 0 or 1, with packed weights (n, m), times a scale."""
    pairs, store = pairs_of(n), np.zeros((TABLES * SUBSETS + cases + 1) * HALF, np.int32)
    tables = (store.ctypes.data + BYTES - 1) // BYTES * BYTES
    sums_at = tables + TABLES * SUBSETS * BYTES
    sums, bits = carray(words_at(sums_at), (cases, HALF)), np.empty((pairs // HALF, cases), np.uint32)
    for case in range(cases):
        row = states.ctypes.data + 2 * case * states.shape[1]
        for block in range(len(bits)):
            bits[block, case] = bits_of_states(row + 2 * LANES * block)
    for j in range(0, m, HALF):
        rows = right + ((j // LANES * pairs) << ROW) + 4 * (j % LANES)
        sums[:] = 0
        for block in range(len(bits)):
            write_tables(rows + (block * HALF << ROW), tables)
            add_from_tables(bits.ctypes.data + 4 * block * cases, cases, tables, sums_at)
        for case in range(cases):
            for column in range(np.uint64(HALF)):
                out[case, np.uint64(j) + column] = np.float32(np.int32(sums[case, column])) * scale
    store[0], bits[0, 0] = 0, 0  # numba frees what is not used any more, and these are read by their addresses
