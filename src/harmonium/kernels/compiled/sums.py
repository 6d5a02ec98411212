"""Rows of packed weights added up in vector registers: the one loop of products with sparse states."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from harmonium.kernels.compiled.intrinsics import HALF, INT32, INT64, LANES, REGISTER, WORDS, load

WIDE = 2 * LANES
"""Columns of two blocks, of which rows of pairs are summed at once: both share the reading of lists."""

ROW = 7
"""Binary logarithm of the bytes of a row of a block: 32 float32, or 32 words."""

MULTIPLIES_PAIRS = "+avx512bf16" in cpu_target.target_context.codegen().magic_tuple()[2].split(",")
"""Whether the processor multiplies pairs of bfloat16 and adds both to a float32 in one instruction."""


def _adder(term: Any, blocks: int) -> Any:
    """Return the intrinsic that sums rows of one block or two; `term` adds a register's part of a row to its sum.

    Even and odd rows are summed apart: an addition takes several cycles, so that more than one has to be on the way.
    """

    def generate(target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        out, rows, apart, index, value, count, start = arguments

        def parts(base: Any, distance: Any) -> list[Any]:
            both = (base, builder.add(base, distance))[:blocks]
            return [builder.add(block, _whole(k)) for block in both for k in (0, 4 * HALF)]

        def add_row(sums: list[Any], position: Any) -> None:
            place = builder.add(index, builder.shl(position, _whole(2)))
            offset = builder.shl(builder.zext(load(builder, place, INT32, 4), INT64), _whole(ROW))
            for total, part in zip(sums, parts(builder.add(rows, offset), apart), strict=True):
                builder.store(term(builder, builder.load(total), part, value, position), total)

        even, odd = ([cgutils.alloca_once(builder, REGISTER) for _ in range(2 * blocks)] for _ in range(2))
        for total in even + odd:
            builder.store(ir.Constant(REGISTER, [0.0] * HALF), total)
        outs = parts(out, _whole(4 * LANES))
        with builder.if_then(builder.icmp_signed("!=", start, _whole(0))):
            for total, part in zip(even, parts(start, _whole(4 * LANES)), strict=True):
                builder.store(load(builder, part, REGISTER, 4), total)
        with cgutils.for_range(builder, builder.lshr(count, _whole(1))) as loop:
            position = builder.shl(loop.index, _whole(1))
            add_row(even, position)
            add_row(odd, builder.add(position, _whole(1)))
        with builder.if_then(builder.trunc(count, ir.IntType(1))):
            add_row(even, builder.sub(count, _whole(1)))
        for one, other, part in zip(even, odd, outs, strict=True):
            total = builder.fadd(builder.load(one), builder.load(other))
            builder.store(total, builder.inttoptr(part, REGISTER.as_pointer())).align = 4
        return target.get_dummy_value()

    @intrinsic
    def add_rows(_context: Any, out: Any, rows: Any, apart: Any, index: Any, value: Any, count: Any, start: Any) -> Any:
        """out = start + sum_k value[k] rows[index[k]] for 32 columns or 64; the start is 0 where its address is.

        Addresses; row i of the first block at rows + (i << ROW), at a multiple of 64 bytes, that of a second block
        `apart` bytes further. The index is int32; of what kind the value is says the name.
        """
        return types.void(*[types.int64] * 7), generate

    return add_rows


def _whole(number: int) -> Any:
    return ir.Constant(INT64, number)


def _everywhere(builder: Any, base: Any, place: Any, vector: Any) -> Any:
    """Return a vector that holds number `place` of a list in all its lanes."""
    alone = load(builder, builder.add(base, builder.shl(place, _whole(2))), vector.element, 4)
    undefined = ir.Constant(vector, ir.Undefined)
    first = ir.Constant(WORDS, [0] * HALF)
    return builder.shuffle_vector(builder.insert_element(undefined, alone, ir.Constant(INT32, 0)), undefined, first)


def _multiply_add(builder: Any, x: Any, y: Any, total: Any) -> Any:
    return builder.fadd(builder.fmul(x, y, flags=["contract"]), total, flags=["contract"])


def _floats(builder: Any, total: Any, part: Any, _value: Any, _position: Any) -> Any:
    return builder.fadd(load(builder, part, REGISTER, 64), total, flags=["contract"])


def _scaled_floats(builder: Any, total: Any, part: Any, value: Any, position: Any) -> Any:
    factor = _everywhere(builder, value, position, REGISTER)
    return _multiply_add(builder, factor, load(builder, part, REGISTER, 64), total)


def _scaled_pairs(builder: Any, total: Any, part: Any, value: Any, position: Any) -> Any:
    """Widen both halves of the words, and multiply each by its float32; the upper one first, as VDPBF16PS does."""
    words, place = load(builder, part, WORDS, 64), builder.shl(position, _whole(1))
    lower = builder.shl(words, ir.Constant(WORDS, [16] * HALF))
    upper = builder.and_(words, ir.Constant(WORDS, [0xFFFF0000] * HALF))
    for half, at in ((upper, builder.add(place, _whole(1))), (lower, place)):
        factor = _everywhere(builder, value, at, REGISTER)
        total = _multiply_add(builder, factor, builder.bitcast(half, REGISTER), total)
    return total


def _pairs(builder: Any, total: Any, part: Any, value: Any, position: Any) -> Any:
    """Multiply both halves of the words by both halves of a word: VDPBF16PS."""
    kind = ir.FunctionType(REGISTER, [REGISTER, WORDS, WORDS])
    multiply = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx512bf16.dpbf16ps.512")
    words = load(builder, part, WORDS, 64)
    return builder.call(multiply, [total, _everywhere(builder, value, position, WORDS), words])


add_rows_of_floats, add_scaled_rows_of_floats = _adder(_floats, 1), _adder(_scaled_floats, 1)
add_rows_of_pairs, add_scaled_rows_of_pairs = _adder(_pairs, 2), _adder(_scaled_pairs, 2)
