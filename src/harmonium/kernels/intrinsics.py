"""What numba has no word for: a counter that threads share, arrays at an address, and sums of rows in registers."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

INT32, INT64, FLOAT = ir.IntType(32), ir.IntType(64), ir.FloatType()


@intrinsic
def fetch_and_increment(_context: Any, address: Any) -> Any:
    """Raise the int64 at an address by one, atomically, and return what it was."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], INT64.as_pointer())
        return builder.atomic_rmw("add", pointer, ir.Constant(INT64, 1), "monotonic")

    return types.int64(types.int64), generate


@intrinsic
def floats_at(_context: Any, address: Any) -> Any:
    """Return an address as a pointer to float32, for ``carray``."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], FLOAT.as_pointer())

    return types.CPointer(types.float32)(types.int64), generate


@intrinsic
def words_at(_context: Any, address: Any) -> Any:
    """Return an address as a pointer to uint32, for ``carray``."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], INT32.as_pointer())

    return types.CPointer(types.uint32)(types.int64), generate


@intrinsic
def bytes_at(_context: Any, address: Any) -> Any:
    """Return an address as a pointer to uint8, for ``carray``."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.CPointer(types.uint8)(types.int64), generate


LANES = 32
"""So many columns make a block, whose rows are summed at once: two registers of 512 bits, or four of 256."""

HALF = LANES // 2
VECTOR, WORDS = ir.VectorType(FLOAT, LANES), ir.VectorType(INT32, HALF)


def _row_adder(widen: Any) -> Any:
    """Return the intrinsic that sums the rows of a block in vector registers; `widen` loads a row as floats.

    Even and odd terms are summed apart: an addition takes four cycles, so that several have to be on the way.
    """
    undefined, nothing = ir.Constant(VECTOR, ir.Undefined), ir.Constant(VECTOR, [0.0] * LANES)
    first = ir.Constant(ir.VectorType(INT32, LANES), [0] * LANES)

    def generate(target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        out, rows, shift, index, value, count, beta = arguments

        def splat(scalar: Any) -> Any:
            alone = builder.insert_element(undefined, scalar, ir.Constant(INT32, 0))
            return builder.shuffle_vector(alone, undefined, first)

        def element(base: Any, position: Any, kind: Any) -> Any:
            return _load(builder, builder.add(base, builder.shl(position, ir.Constant(INT64, 2))), kind, 4)

        def add_row(total: Any, position: Any) -> None:
            offset = builder.shl(builder.zext(element(index, position, INT32), INT64), shift)
            floats = widen(builder, builder.add(rows, offset))
            scaled = builder.fmul(splat(element(value, position, FLOAT)), floats, flags=["contract"])
            builder.store(builder.fadd(scaled, builder.load(total), flags=["contract"]), total)

        one = ir.Constant(INT64, 1)
        even, odd = (cgutils.alloca_once(builder, VECTOR) for _ in range(2))
        for total in (even, odd):
            builder.store(nothing, total)
        with builder.if_then(builder.fcmp_unordered("!=", beta, ir.Constant(FLOAT, 0.0))):
            builder.store(builder.fmul(_load(builder, out, VECTOR, 4), splat(beta)), even)
        with cgutils.for_range(builder, builder.lshr(count, one)) as loop:
            position = builder.shl(loop.index, one)
            add_row(even, position)
            add_row(odd, builder.add(position, one))
        with builder.if_then(builder.trunc(count, ir.IntType(1))):
            add_row(even, builder.sub(count, one))
        total = builder.fadd(builder.load(even), builder.load(odd))
        builder.store(total, builder.inttoptr(out, VECTOR.as_pointer())).align = 4
        return target.get_dummy_value()

    @intrinsic
    def add_rows(_context: Any, out: Any, rows: Any, shift: Any, index: Any, value: Any, count: Any, beta: Any) -> Any:
        """out = beta out + sum_k value[k] rows[index[k]] for a block; addresses, row i at rows + (i << shift).

        The index is int32 and the value float32; each row begins at a multiple of 64 bytes.
        """
        return types.void(*[types.int64] * 6, types.float32), generate

    return add_rows


def _load(builder: Any, address: Any, kind: Any, align: int) -> Any:
    loaded = builder.load(builder.inttoptr(address, kind.as_pointer()))
    loaded.align = align
    return loaded


def _floats(builder: Any, address: Any) -> Any:
    return _load(builder, address, VECTOR, 64)


def _pairs_of_bfloats(builder: Any, address: Any) -> Any:
    """Widen words that hold column l in their lower and column l + 16 in their upper half: a shift and a mask."""
    words = _load(builder, address, WORDS, 64)
    lower = builder.shl(words, ir.Constant(WORDS, [16] * HALF))
    upper = builder.and_(words, ir.Constant(WORDS, [0xFFFF0000] * HALF))
    order = ir.Constant(ir.VectorType(INT32, LANES), list(range(LANES)))
    return builder.bitcast(builder.shuffle_vector(lower, upper, order), VECTOR)


add_rows_of_float32 = _row_adder(_floats)
add_rows_of_pairs = _row_adder(_pairs_of_bfloats)
