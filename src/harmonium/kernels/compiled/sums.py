"""Rows of packed weights added up in vector registers: the one loop of products with sparse states."""

from __future__ import annotations

import functools
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from harmonium.kernels.compiled.instructions import IN_ONE, multiplied
from harmonium.kernels.compiled.intrinsics import HALF, INT32, INT64, LANES, REGISTER, WORDS, everywhere, load

WIDE = 2 * LANES
"""Columns of two blocks, of which rows of pairs are summed at once: both share the reading of lists."""

ROW = 7
"""Binary logarithm of the bytes of a row of a block: 32 float32, or 32 words."""

CHAINS = 2 if IN_ONE else 1
"""So many chains of sums of pairs: one fills half of 16 registers, which is enough to have on the way."""


def _adder(term: Any, blocks: int, scaled: bool, kind: Any = REGISTER, chains: int = 2) -> Any:
    """Return the intrinsic that sums rows of one block or two; `term` adds a register's part of a row to its sum.

    Rows are dealt out to so many chains of sums: where an addition takes several cycles, more than one has to be on the
    way.
    """

    def generate(target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        out, rows, apart, index, value, count, start = arguments[:7]

        def parts(base: Any, distance: Any) -> list[Any]:
            both = (base, builder.add(base, distance))[:blocks]
            return [builder.add(block, _whole(k)) for block in both for k in (0, 4 * HALF)]

        def add_row(sums: list[Any], position: Any) -> None:
            place = builder.add(index, builder.shl(position, _whole(2)))
            offset = builder.shl(builder.zext(load(builder, place, INT32, 4), INT64), _whole(ROW))
            for total, part in zip(sums, parts(builder.add(rows, offset), apart), strict=True):
                builder.store(term(builder, builder.load(total), part, value, position), total)

        sums = [[cgutils.alloca_once(builder, kind) for _ in range(2 * blocks)] for _ in range(chains)]
        for total in (x for chain in sums for x in chain):
            builder.store(ir.Constant(kind, None), total)
        with cgutils.for_range(builder, builder.udiv(count, _whole(chains))) as loop:
            position = builder.mul(loop.index, _whole(chains))
            for k, chain in enumerate(sums):
                add_row(chain, builder.add(position, _whole(k)))
        with cgutils.for_range(builder, builder.urem(count, _whole(chains))) as loop:
            add_row(sums[0], builder.sub(count, builder.add(loop.index, _whole(1))))
        outs, factor = parts(out, _whole(4 * LANES)), everywhere(builder, arguments[7], REGISTER) if scaled else None
        totals = [_sum(builder, of_register, factor) for of_register in zip(*sums, strict=True)]
        _write(builder, totals, outs, parts(start, _whole(4 * LANES)), builder.icmp_signed("!=", start, _whole(0)))
        return target.get_dummy_value()

    if scaled:
        return _scaled_rows(generate)

    @intrinsic
    def add_rows(_context: Any, out: Any, rows: Any, apart: Any, index: Any, value: Any, count: Any, start: Any) -> Any:
        """out = start + sum_k value[k] rows[index[k]] for 32 columns; the start is 0 where its address is.

        Addresses; row i of the first block at rows + (i << ROW), at a multiple of 64 bytes, that of a second block
        `apart` bytes further. The index is int32; of what kind the value is says the name.
        """
        return types.void(*[types.int64] * 7), generate

    return add_rows


def _scaled_rows(generate: Any) -> Any:
    @intrinsic
    def add_rows(
        _context: Any, out: Any, rows: Any, apart: Any, index: Any, value: Any, count: Any, start: Any, scale: Any
    ) -> Any:
        """Do the same for 64 columns of whole numbers, whose sum counts by a scale: out = start + scale sum_k ..."""
        return types.void(*[types.int64] * 7, types.float32), generate

    return add_rows


def _sum(builder: Any, parts: Any, factor: Any) -> Any:
    """Emit the sum of some parts, as float32; times a factor, if there is one."""
    loaded = [builder.load(part) for part in parts]
    if loaded[0].type == WORDS:
        total = builder.sitofp(functools.reduce(builder.add, loaded), REGISTER)
    else:
        total = functools.reduce(builder.fadd, loaded)
    return total if factor is None else builder.fmul(total, factor)


def _write(builder: Any, totals: list[Any], outs: list[Any], starts: list[Any], there: Any) -> None:
    """Write sums, and add what they start from where that is there."""

    def store(total: Any, out: Any) -> None:
        builder.store(total, builder.inttoptr(out, REGISTER.as_pointer())).align = 4

    with builder.if_else(there) as (then, otherwise):
        with then:
            for total, start, out in zip(totals, starts, outs, strict=True):
                store(builder.fadd(load(builder, start, REGISTER, 4), total), out)
        with otherwise:
            for total, out in zip(totals, outs, strict=True):
                store(total, out)


def _whole(number: int) -> Any:
    return ir.Constant(INT64, number)


def _number(builder: Any, base: Any, place: Any, vector: Any) -> Any:
    """Return a vector that holds number `place` of a list in all its lanes."""
    return everywhere(
        builder, load(builder, builder.add(base, builder.shl(place, _whole(2))), vector.element, 4), vector
    )


def _multiply_add(builder: Any, x: Any, y: Any, total: Any) -> Any:
    return builder.fadd(builder.fmul(x, y, flags=["contract"]), total, flags=["contract"])


def _floats(builder: Any, total: Any, part: Any, _value: Any, _position: Any) -> Any:
    return builder.fadd(load(builder, part, REGISTER, 64), total, flags=["contract"])


def _scaled_floats(builder: Any, total: Any, part: Any, value: Any, position: Any) -> Any:
    factor = _number(builder, value, position, REGISTER)
    return _multiply_add(builder, factor, load(builder, part, REGISTER, 64), total)


def _scaled_pairs(builder: Any, total: Any, part: Any, value: Any, position: Any) -> Any:
    """Widen both halves of the words, whole numbers of 16 bits, and multiply each by its float32."""
    words, place, by_16 = (
        load(builder, part, WORDS, 64),
        builder.shl(position, _whole(1)),
        ir.Constant(WORDS, [16] * HALF),
    )
    lower = builder.ashr(builder.shl(words, by_16), by_16)
    for half, at in ((lower, place), (builder.ashr(words, by_16), builder.add(place, _whole(1)))):
        factor = _number(builder, value, at, REGISTER)
        total = _multiply_add(builder, factor, builder.sitofp(half, REGISTER), total)
    return total


def _pairs(builder: Any, total: Any, part: Any, value: Any, position: Any) -> Any:
    """Multiply both halves of the words by both halves of a word."""
    return multiplied(builder, total, _number(builder, value, position, WORDS), load(builder, part, WORDS, 64))


add_rows_of_floats, add_scaled_rows_of_floats = _adder(_floats, 1, False), _adder(_scaled_floats, 1, False)
add_rows_of_pairs = _adder(_pairs, 2, True, WORDS, CHAINS)
add_scaled_rows_of_pairs = _adder(_scaled_pairs, 2, True, chains=CHAINS)
