"""What numba has no word for: counters that threads share, arrays at an address, masks, sums of rows in registers."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

INT32, INT64, FLOAT = ir.IntType(32), ir.IntType(64), ir.FloatType()

LANES = 32
"""So many columns make a block, whose rows are summed at once: two registers of 512 bits, or four of 256."""

HALF = LANES // 2
VECTOR, WORDS = ir.VectorType(FLOAT, LANES), ir.VectorType(INT32, HALF)


@intrinsic
def fetch_and_increment(_context: Any, address: Any) -> Any:
    """Raise the int64 at an address by one, atomically, and return what it was."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], INT64.as_pointer())
        return builder.atomic_rmw("add", pointer, ir.Constant(INT64, 1), "monotonic")

    return types.int64(types.int64), generate


def _pointer(kind: Any, word: Any) -> Any:
    """Return the intrinsic that takes an address for a pointer to numbers of a kind, for ``carray``."""

    @intrinsic
    def at(_context: Any, address: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], word.as_pointer())

        return types.CPointer(kind)(types.int64), generate

    return at


floats_at = _pointer(types.float32, FLOAT)
doubles_at = _pointer(types.float64, ir.DoubleType())
words_at = _pointer(types.uint32, INT32)
halves_at = _pointer(types.uint16, ir.IntType(16))
bytes_at = _pointer(types.uint8, ir.IntType(8))


@intrinsic
def mask_of_nonzero(_context: Any, address: Any) -> Any:
    """Return in which of the 32 float32 at an address there is no 0, as the lower bits of a uint64."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        x = _load(builder, arguments[0], VECTOR, 4)
        bits = builder.fcmp_unordered("!=", x, ir.Constant(VECTOR, [0.0] * LANES))
        return builder.zext(builder.bitcast(bits, INT32), INT64)

    return types.uint64(types.int64), generate


@intrinsic
def trailing_zeros(_context: Any, mask: Any) -> Any:
    """Return the number of the lowest bit that is set in a uint64 other than 0."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


def _row_adder(widen: Any, scaled: bool) -> Any:
    """Return the intrinsic that sums the rows of a block in vector registers; `widen` loads a row as floats.

    Even and odd terms are summed apart: an addition takes several cycles, so that more than one has to be on the way.
    """
    undefined, nothing = ir.Constant(VECTOR, ir.Undefined), ir.Constant(VECTOR, [0.0] * LANES)
    first = ir.Constant(ir.VectorType(INT32, LANES), [0] * LANES)

    def generate(target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        out, rows, shift, index, value, count, keep = arguments

        def element(base: Any, position: Any, kind: Any) -> Any:
            return _load(builder, builder.add(base, builder.shl(position, ir.Constant(INT64, 2))), kind, 4)

        def add_row(total: Any, position: Any) -> None:
            offset = builder.shl(builder.zext(element(index, position, INT32), INT64), shift)
            row = widen(builder, builder.add(rows, offset))
            if scaled:
                alone = builder.insert_element(undefined, element(value, position, FLOAT), ir.Constant(INT32, 0))
                row = builder.fmul(builder.shuffle_vector(alone, undefined, first), row, flags=["contract"])
            builder.store(builder.fadd(row, builder.load(total), flags=["contract"]), total)

        one = ir.Constant(INT64, 1)
        even, odd = (cgutils.alloca_once(builder, VECTOR) for _ in range(2))
        for total in (even, odd):
            builder.store(nothing, total)
        with builder.if_then(builder.icmp_signed("!=", keep, ir.Constant(INT64, 0))):
            builder.store(_load(builder, out, VECTOR, 4), even)
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
    def add_rows(_context: Any, out: Any, rows: Any, shift: Any, index: Any, value: Any, count: Any, keep: Any) -> Any:
        """out = sum_k value[k] rows[index[k]] for a block, added to what `out` held if `keep` is not 0.

        Addresses; row i at rows + (i << shift), at a multiple of 64 bytes. The index is int32 and the value float32, or
        1 throughout for the kind that takes no account of it.
        """
        return types.void(*[types.int64] * 7), generate

    return add_rows


def _load(builder: Any, address: Any, kind: Any, align: int) -> Any:
    loaded = builder.load(builder.inttoptr(address, kind.as_pointer()))
    loaded.align = align
    return loaded


def _floats(builder: Any, address: Any) -> Any:
    return _load(builder, address, VECTOR, 64)


def _pairs(builder: Any, address: Any) -> Any:
    """Widen words that hold column l in their lower and column l + 16 in their upper half: a shift and a mask."""
    words = _load(builder, address, WORDS, 64)
    lower = builder.shl(words, ir.Constant(WORDS, [16] * HALF))
    upper = builder.and_(words, ir.Constant(WORDS, [0xFFFF0000] * HALF))
    order = ir.Constant(ir.VectorType(INT32, LANES), list(range(LANES)))
    return builder.bitcast(builder.shuffle_vector(lower, upper, order), VECTOR)


add_rows_of_floats, add_scaled_rows_of_floats = _row_adder(_floats, False), _row_adder(_floats, True)
add_rows_of_pairs, add_scaled_rows_of_pairs = _row_adder(_pairs, False), _row_adder(_pairs, True)


def _rounded_words(builder: Any, address: Any) -> Any:
    """Load 16 float32 as words whose upper halves are the nearest bfloat16, ties to even."""
    bits = _load(builder, address, WORDS, 4)
    odd = builder.and_(builder.lshr(bits, _words(16)), _words(1))
    return builder.add(builder.add(bits, _words(0x7FFF)), odd)


def _paired(builder: Any, lower: Any, upper: Any) -> Any:
    """Return words with the upper halves of both."""
    return builder.or_(builder.lshr(lower, _words(16)), builder.and_(upper, _words(0xFFFF0000)))


def _words(number: int) -> Any:
    return ir.Constant(WORDS, [number] * HALF)


def _store_words(builder: Any, words: Any, address: Any) -> None:
    builder.store(words, builder.inttoptr(address, WORDS.as_pointer())).align = 64


@intrinsic
def pack_pairs(_context: Any, weights: Any, out: Any) -> Any:
    """Round 32 float32 and write them as 16 words of l and l + 16; addresses, the second at a multiple of 64 bytes."""

    def generate(target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        weights, out = arguments
        lower, upper = weights, builder.add(weights, ir.Constant(INT64, 4 * HALF))
        _store_words(builder, _paired(builder, *(_rounded_words(builder, x) for x in (lower, upper))), out)
        return target.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def pack_transposed(_context: Any, weights: Any, apart: Any, out: Any) -> Any:
    """Round 32 rows of 16 float32, turn them round, and write them as 16 rows of 16 pairs: l and l + 16 of the 32.

    Addresses; rows are `apart` bytes from one to the next, those of the result follow each other at a multiple of 64
    bytes. Four rounds that interleave vector i with vector i + 8 of 16 make the transpose.
    """
    orders = [
        ir.Constant(ir.VectorType(INT32, HALF), [first + k // 2 + HALF * (k % 2) for k in range(HALF)])
        for first in (0, HALF // 2)
    ]

    def generate(target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        weights, apart, out = arguments

        def row(k: int) -> Any:
            return _rounded_words(builder, builder.add(weights, builder.mul(apart, ir.Constant(INT64, k))))

        rows = [_paired(builder, row(k), row(k + HALF)) for k in range(HALF)]
        for _ in range(4):
            halves = zip(rows[: HALF // 2], rows[HALF // 2 :], strict=True)
            rows = [builder.shuffle_vector(a, b, order) for a, b in halves for order in orders]
        for k, words in enumerate(rows):
            _store_words(builder, words, builder.add(out, ir.Constant(INT64, 4 * HALF * k)))
        return target.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate
