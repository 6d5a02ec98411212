"""Numbers rounded to 16 bits and paired in vector registers: two rows, or two columns turned round.

Rounded to bfloat16, for matrix registers, or to whole numbers, for words that are multiplied elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from harmonium.kernels.compiled.intrinsics import HALF, INT32, INT64, LANES, REGISTER, WORDS, everywhere, load

MAGIC = np.float32(1.5 * 2**23)
"""Added to a float32 below 2^22 it leaves the nearest whole number, ties to even, in the lower bits."""


def _words(number: int, count: int = HALF) -> Any:
    return ir.Constant(ir.VectorType(INT32, count), [number] * count)


def rounded(builder: Any, numbers: Any, count: int = HALF) -> Any:
    """Emit words whose upper halves are the bfloat16 nearest to some float32, ties to even."""
    bits = builder.bitcast(numbers, ir.VectorType(INT32, count))
    odd = builder.and_(builder.lshr(bits, _words(16, count)), _words(1, count))
    return builder.add(builder.add(bits, _words(0x7FFF, count)), odd)


def paired(builder: Any, lower: Any, upper: Any) -> Any:
    """Emit words with the upper halves of both."""
    return builder.or_(builder.lshr(lower, _words(16)), builder.and_(upper, _words(0xFFFF0000)))


def _whole(builder: Any, numbers: Any) -> Any:
    """Emit words whose lower halves are the whole numbers nearest to some float32, ties to even."""
    return builder.bitcast(builder.fadd(numbers, ir.Constant(REGISTER, [float(MAGIC)] * HALF)), WORDS)


def _paired_below(builder: Any, lower: Any, upper: Any) -> Any:
    """Emit words with the lower halves of both."""
    return builder.or_(builder.and_(lower, _words(0xFFFF)), builder.shl(upper, _words(16)))


def turned_round(builder: Any, rows: Any) -> Any:
    """Emit the transpose of 16 vectors of 16 words: four rounds that interleave vector i with vector i + 8."""
    index = ir.VectorType(INT32, HALF)
    orders = [ir.Constant(index, [first + k // 2 + HALF * (k % 2) for k in range(HALF)]) for first in (0, HALF // 2)]
    for _ in range(4):
        halves = zip(rows[: HALF // 2], rows[HALF // 2 :], strict=True)
        rows = [builder.shuffle_vector(a, b, order) for a, b in halves for order in orders]
    return rows


def _further(builder: Any, address: Any, bytes_further: int) -> Any:
    return builder.add(address, ir.Constant(INT64, bytes_further))


def _store(builder: Any, words: Any, address: Any) -> None:
    builder.store(words, builder.inttoptr(address, WORDS.as_pointer())).align = 64


def _packers(half: Any, join: Any) -> tuple[Any, Any]:
    """Return the intrinsics that pair rows and columns; `half` rounds to halves of words, `join` makes words."""

    @intrinsic
    def pack_two_rows(_context: Any, numbers: Any, apart: Any, out: Any, centre: Any, factor: Any) -> Any:
        """Round 32 columns of two rows of float32, less a centre and times a factor, and write them as 32 words.

        Addresses; the rows are `apart` bytes from one to the next, the words at a multiple of 64 bytes.
        """

        def generate(target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            numbers, apart, out, centre, factor = arguments
            factors = everywhere(builder, factor, REGISTER)
            for start in (0, 4 * HALF):
                lower = _further(builder, numbers, start)
                middle = load(builder, _further(builder, centre, start), REGISTER, 4)
                rows = (load(builder, x, REGISTER, 4) for x in (lower, builder.add(lower, apart)))
                both = (half(builder, builder.fmul(builder.fsub(row, middle), factors)) for row in rows)
                _store(builder, join(builder, *both), _further(builder, out, start))
            return target.get_dummy_value()

        return types.void(*[types.int64] * 4, types.float32), generate

    @intrinsic
    def pack_transposed(_context: Any, weights: Any, apart: Any, out: Any, factor: Any) -> Any:
        """Round 16 rows of 32 float32 times a factor, pair columns 2 j and 2 j + 1, turn them round: 16 rows of words.

        Addresses; rows are `apart` bytes from one to the next, those of the result 128, at multiples of 64 bytes.
        """
        columns = [ir.Constant(ir.VectorType(INT32, HALF), list(range(first, LANES, 2))) for first in (0, 1)]

        def generate(target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            weights, apart, out, factor = arguments
            factors = everywhere(builder, factor, REGISTER)

            def row(k: int) -> Any:
                start = builder.add(weights, builder.mul(apart, ir.Constant(INT64, k)))
                halves = []
                for x in (0, 4 * HALF):
                    numbers = load(builder, _further(builder, start, x), REGISTER, 4)
                    halves.append(half(builder, builder.fmul(numbers, factors)))
                return join(builder, *(builder.shuffle_vector(*halves, order) for order in columns))

            for k, words in enumerate(turned_round(builder, [row(k) for k in range(HALF)])):
                _store(builder, words, _further(builder, out, 4 * LANES * k))
            return target.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64, types.float32), generate

    return pack_two_rows, pack_transposed


pack_two_rows, pack_transposed = _packers(rounded, paired)
pack_two_whole_rows, pack_whole_transposed = _packers(_whole, _paired_below)


@intrinsic
def largest_magnitude(_context: Any, numbers: Any, count: Any) -> Any:
    """Return the largest bits of |x| among some float32 at an address, a multiple of 16 of them.

    Bits are in the order of magnitudes, and those of what is not finite are above all others.
    """

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        numbers, count = arguments
        largest = cgutils.alloca_once(builder, WORDS)
        builder.store(_words(0), largest)
        with cgutils.for_range(builder, builder.lshr(count, ir.Constant(INT64, 4))) as loop:
            place = builder.add(numbers, builder.shl(loop.index, ir.Constant(INT64, 6)))
            bits = builder.and_(load(builder, place, WORDS, 4), _words(0x7FFFFFFF))
            before = builder.load(largest)
            builder.store(builder.select(builder.icmp_unsigned(">", bits, before), bits, before), largest)
        kind = ir.FunctionType(INT32, [WORDS])
        over_all = cgutils.get_or_insert_function(builder.module, kind, "llvm.vector.reduce.umax.v16i32")
        return builder.call(over_all, [builder.load(largest)])

    return types.uint32(types.int64, types.int64), generate
