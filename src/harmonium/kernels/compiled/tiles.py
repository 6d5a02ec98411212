"""Products of bfloat16 in the processor's matrix registers, tiles of sixteen rows (Intel's AMX).

Tiles 0 to 3 hold the sums of 32 rows times 32 columns, 4 and 5 the left factor, 6 and 7 the right one. To numba none of
this is known, LLVM has it as functions with the numbers of the tiles for constants.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from harmonium.kernels.compiled.intrinsics import HALF, HAS_TILES, INT32, INT64, LANES, REGISTER, VECTOR, WORDS, load
from harmonium.kernels.compiled.rounding import paired, rounded, turned_round

if not HAS_TILES:  # LLVM would end the whole process
    raise ImportError("the processor for which kernels are compiled has no matrix registers (AMX)")

STEP, HALF_STEP = 2048, 1024
"""Bytes of two tiles and of one: what a step of a product reads of each factor."""

ROW_OF_TILE = 64
"""Bytes between the rows of a tile, as `lay_out` and `turn_cases` write them, a pair of tiles a step."""

BYTE = ir.IntType(8)
POINTER = BYTE.as_pointer()
SHORTS = ir.VectorType(ir.IntType(16), LANES)
LONG_WORDS = ir.VectorType(INT32, LANES)


def _call(builder: Any, name: str, *arguments: Any) -> None:
    """Emit a call of one of LLVM's functions for tiles; a Python number is that of a tile."""
    known = [ir.Constant(BYTE, x) if isinstance(x, int) else x for x in arguments]
    kind = ir.FunctionType(ir.VoidType(), [x.type for x in known])
    builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.{name}"), known)


def _at(builder: Any, address: Any, further: int = 0) -> Any:
    return builder.inttoptr(builder.add(address, _whole(further)), POINTER)


def _whole(number: int) -> Any:
    return ir.Constant(INT64, number)


@intrinsic
def open_tiles(_context: Any) -> Any:
    """Say that each of the eight tiles has 16 rows of 64 bytes; before this, a thread has no tiles."""
    rows, row = [HALF] * 8 + [0] * 8, [64, 0]
    palette = [1] + [0] * 15 + row * 8 + [0] * 16 + rows

    def generate(target: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        layout = ir.Constant(ir.ArrayType(BYTE, len(palette)), palette)
        _call(builder, "ldtilecfg", builder.bitcast(cgutils.global_constant(builder, "tiles", layout), POINTER))
        return target.get_dummy_value()

    return types.void(), generate


@intrinsic
def close_tiles(_context: Any) -> Any:
    """Give the tiles back, so that the system need not save them."""

    def generate(target: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        _call(builder, "tilerelease")
        return target.get_dummy_value()

    return types.void(), generate


@intrinsic
def clear_sums(_context: Any) -> Any:
    """Set the sums to 0."""

    def generate(target: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        for total in range(4):
            _call(builder, "tilezero", total)
        return target.get_dummy_value()

    return types.void(), generate


@intrinsic
def add_product(_context: Any, left: Any, apart: Any, further: Any, right: Any, steps: Any) -> Any:
    """Add the product of 32 rows and 32 columns, which is as many steps of 32 terms long, to the sums.

    Addresses. The rows of the left factor are `apart` bytes from one to the next, and `further` from step to step; the
    right factor is rows of 32 words, each of two bfloat16 that follow each other in the sum.
    """

    def generate(target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        left, apart, further, right, steps = arguments
        with cgutils.for_range(builder, steps) as loop:
            rows = builder.add(left, builder.mul(loop.index, further))
            lower = builder.add(rows, builder.mul(apart, _whole(HALF)))
            columns = builder.add(right, builder.mul(loop.index, _whole(STEP)))
            _call(builder, "tileloadd64", 4, _at(builder, rows), apart)
            _call(builder, "tileloadd64", 6, _at(builder, columns), _whole(128))
            _call(builder, "tdpbf16ps", 0, 4, 6)
            _call(builder, "tileloadd64", 7, _at(builder, columns, 64), _whole(128))
            _call(builder, "tdpbf16ps", 1, 4, 7)
            _call(builder, "tileloadd64", 5, _at(builder, lower), apart)
            _call(builder, "tdpbf16ps", 2, 5, 6)
            _call(builder, "tdpbf16ps", 3, 5, 7)
        return target.get_dummy_value()

    return types.void(*[types.int64] * 5), generate


@intrinsic
def write_sums(_context: Any, out: Any, apart: Any) -> Any:
    """Write the sums as 32 rows of 32 float32, `apart` bytes from one to the next."""

    def generate(target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        out, apart = arguments
        lower = builder.add(out, builder.mul(apart, _whole(HALF)))
        for total, (rows, further) in enumerate(((out, 0), (out, 64), (lower, 0), (lower, 64))):
            _call(builder, "tilestored64", total, _at(builder, rows, further), apart)
        return target.get_dummy_value()

    return types.void(types.int64, types.int64), generate


def _in_parts(parts: int) -> tuple[Any, Any]:
    """Return the intrinsics that write float32 as so many bfloat16 whose sum they are, nearly with one, with three."""

    @intrinsic
    def lay_out(_context: Any, numbers: Any, out: Any, further: Any) -> Any:
        """Write 32 numbers as a row of a left tile, and what is left of them `further` bytes on, part by part.

        Returns whether anything is left after the last part.
        """

        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            numbers, out, further = arguments
            left = load(builder, numbers, VECTOR, 4)
            for _ in range(parts):
                bits = builder.lshr(rounded(builder, left, LANES), ir.Constant(LONG_WORDS, [16] * LANES))
                builder.store(builder.trunc(bits, SHORTS), builder.inttoptr(out, SHORTS.as_pointer())).align = 64
                whole = builder.bitcast(builder.shl(bits, ir.Constant(LONG_WORDS, [16] * LANES)), VECTOR)
                left, out = builder.fsub(left, whole), builder.add(out, further)
            return _any(builder, left, LANES)

        return types.int64(types.int64, types.int64, types.int64), generate

    @intrinsic
    def turn_cases(_context: Any, numbers: Any, apart: Any, out: Any, further: Any) -> Any:
        """Write 16 units of 32 cases, `apart` bytes from one to the next, as a left tile whose rows are units.

        Returns whether anything is left after the last part, as `lay_out`, which lie `further` bytes apart.
        """

        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            numbers, apart, out, further = arguments
            places = [builder.add(numbers, builder.mul(apart, _whole(k))) for k in range(LANES)]
            left = [load(builder, place, REGISTER, 4) for place in places]
            for _ in range(parts):
                bits = [rounded(builder, x) for x in left]
                pairs = [paired(builder, *bits[k : k + 2]) for k in range(0, LANES, 2)]
                for k, words in enumerate(turned_round(builder, pairs)):
                    place = builder.inttoptr(builder.add(out, _whole(64 * k)), WORDS.as_pointer())
                    builder.store(words, place).align = 64
                upper = ir.Constant(WORDS, [0xFFFF0000] * HALF)
                whole = (builder.bitcast(builder.and_(x, upper), REGISTER) for x in bits)
                left, out = (
                    [builder.fsub(x, y) for x, y in zip(left, whole, strict=True)],
                    builder.add(out, further),
                )
            found = [_any(builder, x, HALF) for x in left]
            while len(found) > 1:
                found = [builder.or_(*found[k : k + 2]) for k in range(0, len(found), 2)]
            return found[0]

        return types.int64(*[types.int64] * 4), generate

    return lay_out, turn_cases


def _any(builder: Any, numbers: Any, count: int) -> Any:
    """Return 1 where one of the numbers is not 0, else 0."""
    nothing = ir.Constant(ir.VectorType(numbers.type.element, count), [0.0] * count)
    bits = builder.bitcast(builder.fcmp_unordered("!=", numbers, nothing), ir.IntType(count))
    return builder.zext(builder.icmp_unsigned("!=", bits, ir.Constant(ir.IntType(count), 0)), INT64)


lay_out, turn_cases = _in_parts(1)
lay_out_in_parts, turn_cases_in_parts = _in_parts(3)
