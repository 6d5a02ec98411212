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
def halves_at(_context: Any, address: Any) -> Any:
    """Return an address as a pointer to uint16, for ``carray``."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(16).as_pointer())

    return types.CPointer(types.uint16)(types.int64), generate


@intrinsic
def bytes_at(_context: Any, address: Any) -> Any:
    """Return an address as a pointer to uint8, for ``carray``."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.CPointer(types.uint8)(types.int64), generate


def _row_adder(lanes: int, widen: Any) -> Any:
    """Return the intrinsic that sums rows in vector registers, `lanes` columns of them.

    `widen` loads a row and turns it into floats.
    """
    vector = ir.VectorType(FLOAT, lanes)
    undefined, nothing = ir.Constant(vector, ir.Undefined), ir.Constant(vector, [0.0] * lanes)
    first = ir.Constant(ir.VectorType(INT32, lanes), [0] * lanes)

    def generate(target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        out, rows, stride, index, value, count, beta = arguments

        def splat(scalar: Any) -> Any:
            alone = builder.insert_element(undefined, scalar, ir.Constant(INT32, 0))
            return builder.shuffle_vector(alone, undefined, first)

        def element(base: Any, position: Any, kind: Any) -> Any:
            address = builder.add(base, builder.shl(position, ir.Constant(INT64, 2)))
            return _load(builder, address, kind, 4)

        def add_row(total: Any, position: Any) -> None:
            row = builder.sext(element(index, position, INT32), INT64)
            floats = widen(builder, builder.add(rows, builder.mul(row, stride)), lanes)
            scaled = builder.fmul(splat(element(value, position, FLOAT)), floats, flags=["contract"])
            builder.store(builder.fadd(scaled, builder.load(total), flags=["contract"]), total)

        total = cgutils.alloca_once_value(builder, nothing)
        with builder.if_then(builder.fcmp_unordered("!=", beta, ir.Constant(FLOAT, 0.0))):
            builder.store(builder.fmul(_load(builder, out, vector, 4), splat(beta)), total)
        with cgutils.for_range(builder, count) as loop:
            add_row(total, loop.index)
        builder.store(builder.load(total), builder.inttoptr(out, vector.as_pointer())).align = 4
        return target.get_dummy_value()

    @intrinsic
    def add_rows(_context: Any, out: Any, rows: Any, stride: Any, index: Any, value: Any, count: Any, beta: Any) -> Any:
        """out = beta out + sum_k value[k] rows[index[k]]; addresses, and the stride in bytes.

        The index is int32 and the value float32; each row begins at a multiple of 64 bytes.
        """
        return types.void(*[types.int64] * 6, types.float32), generate

    return add_rows


def _load(builder: Any, address: Any, kind: Any, align: int) -> Any:
    loaded = builder.load(builder.inttoptr(address, kind.as_pointer()))
    loaded.align = align
    return loaded


def _floats(builder: Any, address: Any, lanes: int) -> Any:
    return _load(builder, address, ir.VectorType(FLOAT, lanes), 64)


def _bfloats(builder: Any, address: Any, lanes: int) -> Any:
    """Widen bfloat16, which is the upper half of a float32."""
    words = ir.VectorType(INT32, lanes)
    halves = _load(builder, address, ir.VectorType(ir.IntType(16), lanes), 64)
    sixteen = ir.Constant(words, [16] * lanes)
    return builder.bitcast(builder.shl(builder.zext(halves, words), sixteen), ir.VectorType(FLOAT, lanes))


LANES = 64
"""So many columns are summed at once: four registers of 512 bits, or eight of 256."""

add_rows_of_float32 = _row_adder(LANES, _floats)
add_rows_of_bfloat16 = _row_adder(LANES, _bfloats)
