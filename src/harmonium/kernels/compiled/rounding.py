"""Numbers rounded to bfloat16 and paired in vector registers: two rows, or two columns turned round."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from harmonium.kernels.compiled.intrinsics import HALF, INT32, INT64, LANES, REGISTER, WORDS, load


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


@intrinsic
def pack_two_rows(_context: Any, numbers: Any, apart: Any, out: Any, centre: Any, factor: Any) -> Any:
    """Round 32 columns of two rows of float32, less a centre and times a factor, and write them as 32 words.

    Addresses; the rows are `apart` bytes from one to the next, the words at a multiple of 64 bytes.
    """

    def generate(target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        numbers, apart, out, centre, factor = arguments
        undefined, first = ir.Constant(REGISTER, ir.Undefined), ir.Constant(WORDS, [0] * HALF)
        alone = builder.insert_element(undefined, factor, ir.Constant(INT32, 0))
        factors = builder.shuffle_vector(alone, undefined, first)
        for start in (0, 4 * HALF):
            lower = _further(builder, numbers, start)
            middle = load(builder, _further(builder, centre, start), REGISTER, 4)
            rows = (load(builder, x, REGISTER, 4) for x in (lower, builder.add(lower, apart)))
            both = (rounded(builder, builder.fmul(builder.fsub(row, middle), factors)) for row in rows)
            _store(builder, paired(builder, *both), _further(builder, out, start))
        return target.get_dummy_value()

    return types.void(*[types.int64] * 4, types.float32), generate


@intrinsic
def pack_transposed(_context: Any, weights: Any, apart: Any, out: Any) -> Any:
    """Round 16 rows of 32 float32, pair columns 2 j and 2 j + 1, turn them round: 16 rows of 16 words.

    Addresses; rows are `apart` bytes from one to the next, those of the result 128, at multiples of 64 bytes.
    """
    columns = [ir.Constant(ir.VectorType(INT32, HALF), list(range(first, LANES, 2))) for first in (0, 1)]

    def generate(target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        weights, apart, out = arguments

        def row(k: int) -> Any:
            start = builder.add(weights, builder.mul(apart, ir.Constant(INT64, k)))
            halves = [rounded(builder, load(builder, _further(builder, start, x), REGISTER, 4)) for x in (0, 4 * HALF)]
            return paired(builder, *(builder.shuffle_vector(*halves, order) for order in columns))

        for k, words in enumerate(turned_round(builder, [row(k) for k in range(HALF)])):
            _store(builder, words, _further(builder, out, 4 * LANES * k))
        return target.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate
