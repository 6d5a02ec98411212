"""Words that hold two whole numbers of 16 bits: states in pairs, and their products with pairs of rows of weights.

Pairs are multiplied, and both products of each added to a sum of 32 bits (`instructions.py`). Such sums are exact, in
whatever order, and by whichever loop, they are added up; beyond 2^24 they are rounded once.
"""

from __future__ import annotations

import itertools
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from harmonium.kernels.compiled.bits import SHORTS, turned
from harmonium.kernels.compiled.instructions import IN_ONE, append_nonzero_words, multiplied
from harmonium.kernels.compiled.intrinsics import (
    HALF,
    INT32,
    INT64,
    LANES,
    PROCESSOR,
    REGISTER,
    VECTOR,
    WORDS,
    everywhere,
    load,
)
from harmonium.kernels.compiled.rounding import turned_round

DENSE = 0.75 if PROCESSOR == "znver4" else 0.4
"""Beyond this share of the pairs, all of them are multiplied as fast as the rows of some are added.

Adding a row is bound by reading it; processors multiply two registers a cycle, but for one whose registers are half as
wide.
"""

MOST = 2**16
"""Sums of fewer terms than this stay below 32 bits, as states differ from the usual by 1 at most."""

GROUP = 6
"""So many cases and 64 columns are multiplied by one call."""

CASES, REGISTERS = (GROUP, 4) if IN_ONE else (2, 2)
"""So many of these, times so many vectors of 16 columns, are summed at once.

In 24 registers, beside 4 of weights and one of states, where there are 32; in 8 where there are 16, of half the width.
"""

WHOLE_WORDS = ir.VectorType(INT32, LANES)


def _all(number: int) -> Any:
    return ir.Constant(WORDS, [number] * HALF)


def _whole(builder: Any, numbers: Any, kind: Any) -> tuple[Any, Any]:
    """Emit whole numbers of a kind from float32, and which of them are void: what was not -1, 0 or 1."""
    vector, count = numbers.type, numbers.type.count
    one = ir.FunctionType(vector, [vector, vector])
    near = numbers  # within 2, where every number has a whole one: else LLVM may make of it what it likes
    for name, bound in (("maxnum", -2.0), ("minnum", 2.0)):
        function = cgutils.get_or_insert_function(builder.module, one, f"llvm.{name}.v{count}f32")
        near = builder.call(function, [near, ir.Constant(vector, [bound] * count)])
    whole = builder.fptosi(near, kind)
    broken = builder.fcmp_unordered("!=", builder.sitofp(whole, vector), numbers)
    up = builder.add(whole, ir.Constant(kind, [1] * count))
    return whole, builder.or_(broken, builder.icmp_unsigned(">", up, ir.Constant(kind, [2] * count)))


def _words(builder: Any, numbers: Any, usual: Any) -> tuple[Any, Any]:
    """Emit 16 words of the differences between 32 float32 at two addresses, and whether one is not -1, 0 or 1."""
    difference = builder.fsub(*(load(builder, address, VECTOR, 4) for address in (numbers, usual)))
    whole, void = _whole(builder, difference, WHOLE_WORDS)
    words = builder.bitcast(builder.trunc(whole, ir.VectorType(ir.IntType(16), LANES)), WORDS)
    return words, builder.icmp_unsigned("!=", builder.bitcast(void, INT32), INT32(0))


@intrinsic
def write_words(_context: Any, numbers: Any, usual: Any, out: Any) -> Any:
    """Write 32 differences as 16 words; addresses. Returns whether one is not -1, 0 or 1, so that its word is void."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        words, lost = _words(builder, *arguments[:2])
        builder.store(words, builder.inttoptr(arguments[2], WORDS.as_pointer())).align = 4
        return builder.zext(lost, INT64)

    return types.int64(types.int64, types.int64, types.int64), generate


@intrinsic
def append_words(_context: Any, numbers: Any, usual: Any, first: Any, index: Any, word: Any) -> Any:
    """Take 32 differences, two to a word; write the words that are not 0 and their places, from `first` on.

    Addresses; each list has room for 16. Returns how many there are, or -1 where a difference is not -1, 0 or 1.
    """

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        numbers, usual, first, index, word = arguments
        words, lost = _words(builder, numbers, usual)
        count = append_nonzero_words(builder, words, first, index, word)
        return builder.select(lost, ir.Constant(INT64, -1), count)

    return types.int64(*[types.int64] * 5), generate


@intrinsic
def append_nonzero(_context: Any, words: Any, first: Any, index: Any, word: Any) -> Any:
    """Write which of 16 words at an address are not 0, counted from `first` on, and these, as `append_words`."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        words, first, index, word = arguments
        return append_nonzero_words(builder, load(builder, words, WORDS, 4), first, index, word)

    return types.int64(*[types.int64] * 4), generate


@intrinsic
def append_turned(
    _context: Any, states: Any, apart: Any, first: Any, index: Any, word: Any, room: Any, counts: Any
) -> Any:
    """Take the states of 16 units in 32 cases, two cases to a word; append to a list of each unit what is not 0.

    Addresses. Cases are `apart` bytes from one to the next. Pairs count from `first`; lists of int32 are `room` bytes
    from one to the next, and there have to be 16 more at the end; counts are int64. Returns whether a state is not -1,
    0 or 1, so that lists are void.
    """
    mask_kind = ir.VectorType(ir.IntType(1), HALF)

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        states, apart, first, index, word, room, counts = arguments
        lost, rows, place = ir.Constant(mask_kind, [0] * HALF), [], states
        for _ in range(LANES):
            whole, void = _whole(builder, load(builder, place, REGISTER, 4), WORDS)
            lost = builder.or_(lost, void)
            rows.append(whole)
            place = builder.add(place, apart)
        pairs = [
            builder.or_(builder.and_(lower, _all(0xFFFF)), builder.shl(upper, _all(16)))
            for lower, upper in zip(rows[::2], rows[1::2], strict=True)
        ]
        for unit, words in enumerate(turned_round(builder, pairs)):
            counter = builder.inttoptr(builder.add(counts, INT64(8 * unit)), INT64.as_pointer())
            count = builder.load(counter)
            shift = builder.add(builder.mul(room, INT64(unit)), builder.shl(count, INT64(2)))
            more = append_nonzero_words(builder, words, first, *(builder.add(x, shift) for x in (index, word)))
            builder.store(builder.add(count, more), counter)
        any_lost = builder.icmp_unsigned("!=", builder.bitcast(lost, ir.IntType(HALF)), ir.IntType(HALF)(0))
        return builder.zext(any_lost, INT64)

    return types.int64(*[types.int64] * 7), generate


@intrinsic
def append_turned_bits(_context: Any, bits: Any, first: Any, index: Any, word: Any, room: Any, counts: Any) -> Any:
    """Do the same with the bits of 32 units in 32 cases (`bits.py`); nothing is void."""

    def generate(target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        bits, first, index, word, room, counts = arguments
        one = ir.Constant(SHORTS, [1] * LANES)
        for unit, mask in enumerate(turned(builder, bits)):
            words = builder.bitcast(builder.select(mask, one, ir.Constant(SHORTS, [0] * LANES)), WORDS)
            counter = builder.inttoptr(builder.add(counts, INT64(8 * unit)), INT64.as_pointer())
            count = builder.load(counter)
            shift = builder.add(builder.mul(room, INT64(unit)), builder.shl(count, INT64(2)))
            more = append_nonzero_words(builder, words, first, *(builder.add(x, shift) for x in (index, word)))
            builder.store(builder.add(count, more), counter)
        return target.get_dummy_value()

    return types.void(*[types.int64] * 6), generate


def _sums_of(builder: Any, states: list[Any], weights: list[Any], pairs: Any) -> list[list[Any]]:
    """Emit the sums over all pairs of some cases, at addresses, for the registers of weights at others."""
    sums = [[cgutils.alloca_once(builder, WORDS) for _ in weights] for _ in states]
    for total in (x for of_case in sums for x in of_case):
        builder.store(ir.Constant(WORDS, [0] * HALF), total)
    with cgutils.for_range(builder, pairs) as loop:
        row, column = builder.shl(loop.index, INT64(7)), builder.shl(loop.index, INT64(2))
        parts = [load(builder, builder.add(place, row), WORDS, 64) for place in weights]
        for case, of_case in zip(states, sums, strict=True):
            word = everywhere(builder, load(builder, builder.add(case, column), INT32, 4), WORDS)
            for total, part in zip(of_case, parts, strict=True):
                builder.store(multiplied(builder, builder.load(total), word, part), total)
    return [[builder.load(total) for total in of_case] for of_case in sums]


@intrinsic
def multiply_group(
    _context: Any,
    states: Any,
    pitch: Any,
    rows: Any,
    apart: Any,
    pairs: Any,
    out: Any,
    out_pitch: Any,
    start: Any,
    scale: Any,
) -> Any:
    """out = start + scale (states rows) for `GROUP` cases and 64 columns.

    Addresses; `pitch` and `out_pitch` bytes lie from case to case, a second block of rows `apart` bytes further.
    """

    def generate(target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        states, pitch, rows, apart, pairs, out, out_pitch, start, scale = arguments
        factor = everywhere(builder, scale, REGISTER)
        registers = [builder.add(x, INT64(k)) for x in (rows, builder.add(rows, apart)) for k in (0, 64)]
        for first, register in itertools.product(range(0, GROUP, CASES), range(0, 4, REGISTERS)):
            of_pass = [INT64(case) for case in range(first, first + CASES)]
            cases = [builder.add(states, builder.mul(pitch, case)) for case in of_pass]
            sums = _sums_of(builder, cases, registers[register : register + REGISTERS], pairs)
            for case, of_case in zip(of_pass, sums, strict=True):
                place = builder.add(out, builder.mul(out_pitch, case))
                for k, total in enumerate(of_case, register):
                    begin = load(builder, builder.add(start, INT64(64 * k)), REGISTER, 4)
                    found = builder.fadd(builder.fmul(builder.sitofp(total, REGISTER), factor), begin)
                    target_place = builder.add(place, INT64(64 * k))
                    builder.store(found, builder.inttoptr(target_place, REGISTER.as_pointer())).align = 4
        return target.get_dummy_value()

    return types.void(*[types.int64] * 8, types.float32), generate
