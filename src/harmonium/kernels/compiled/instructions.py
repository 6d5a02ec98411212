"""Two instructions that processors know by different names, or not at all: multiply pairs of 16 bits and add; compress.

On each processor they compute the same. What a processor has is told by its features, as LLVM names them.
"""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from numba.core import cgutils

from harmonium.kernels.compiled.intrinsics import FEATURES, HALF, INT32, INT64, WORDS, everywhere, load

binding.initialize_native_asmparser()

IN_ONE = "+avx512vnni" in FEATURES
"""Whether one instruction multiplies pairs and adds both products to a sum, and one compresses, in 32 registers."""

IN_TWO = not IN_ONE and "+avx2" in FEATURES
"""Whether one multiplies pairs and another adds, in 16 registers of 256 bits."""

MULTIPLIES_PAIRS = IN_ONE or IN_TWO
"""Whether the processor multiplies pairs of whole numbers of 16 bits faster than as many float32."""

PART = HALF // 2
EIGHT, BYTE = ir.VectorType(INT32, PART), ir.IntType(8)


def multiplied(builder: Any, total: Any, words: Any, others: Any) -> Any:
    """Emit total + the products of both halves of 16 words, whole numbers with a sign, with those of others."""
    if IN_ONE:  # in assembly: of LLVM's own function for it, some become two, for a latency that is hidden anyway
        kind = ir.FunctionType(WORDS, [WORDS] * 3)
        return builder.call(ir.InlineAsm(kind, "vpdpwssd $3, $2, $0", "=v,0,v,v"), [total, words, others])
    if IN_TWO:
        return builder.add(total, _multiplied_by_eight(builder, words, others))
    by_16 = ir.Constant(WORDS, [HALF] * HALF)
    for halves in (lambda x: builder.ashr(builder.shl(x, by_16), by_16), lambda x: builder.ashr(x, by_16)):
        total = builder.add(total, builder.mul(halves(words), halves(others)))
    return total


def _multiplied_by_eight(builder: Any, words: Any, others: Any) -> Any:
    shorts = ir.VectorType(ir.IntType(16), HALF)
    kind = ir.FunctionType(EIGHT, [shorts, shorts])
    multiply = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx2.pmadd.wd")
    parts = zip(_parts(builder, words), _parts(builder, others), strict=True)
    products = [builder.call(multiply, [builder.bitcast(part, shorts) for part in both]) for both in parts]
    return builder.shuffle_vector(*products, ir.Constant(WORDS, list(range(HALF))))


def _parts(builder: Any, words: Any) -> list[Any]:
    """Emit the lower and the upper eight of 16 words."""
    orders = (ir.Constant(EIGHT, list(range(first, first + PART))) for first in (0, PART))
    return [builder.shuffle_vector(words, ir.Constant(WORDS, ir.Undefined), order) for order in orders]


def append_nonzero_words(builder: Any, words: Any, first: Any, index: Any, word: Any) -> Any:
    """Emit the writing of those of 16 words that are not 0, and of their numbers, from one on, to two addresses.

    Up to 16 words are written at each, whatever their number; returned is how many are not 0, an int64.
    """
    start = builder.trunc(first, INT32)
    if IN_ONE:
        return _append_compressed(builder, words, start, index, word)
    if not IN_TWO:
        return _append_each(builder, words, start, index, word)
    count: Any = INT64(0)
    for k, part in enumerate(_parts(builder, words)):
        places = (builder.add(address, builder.shl(count, INT64(2))) for address in (index, word))
        more = _append_by_table(builder, part, builder.add(start, INT32(PART * k)), *places)
        count = builder.add(count, more)
    return count


def _append_compressed(builder: Any, words: Any, start: Any, index: Any, word: Any) -> Any:
    """Compress in registers, as writing compressed words is slow on some processors."""
    kind = ir.FunctionType(WORDS, [WORDS, WORDS, ir.VectorType(ir.IntType(1), HALF)])
    compress = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx512.mask.compress.v16i32")
    nothing, numbers = ir.Constant(WORDS, [0] * HALF), ir.Constant(WORDS, list(range(HALF)))
    there = builder.icmp_unsigned("!=", words, nothing)
    for what, where in ((builder.add(everywhere(builder, start, WORDS), numbers), index), (words, word)):
        kept = builder.call(compress, [what, nothing, there])
        builder.store(kept, builder.inttoptr(where, WORDS.as_pointer())).align = 4
    return builder.zext(builder.ctpop(builder.bitcast(there, ir.IntType(HALF))), INT64)


def _append_by_table(builder: Any, words: Any, start: Any, index: Any, word: Any) -> Any:
    """Do so with eight words, moved to where a table has them for each of the 256 sets of what is not 0."""
    there = builder.icmp_unsigned("!=", words, ir.Constant(EIGHT, [0] * PART))
    mask = builder.bitcast(there, BYTE)
    row = builder.shl(builder.zext(mask, INT64), INT64(3))
    table = builder.ptrtoint(_orders(builder.module), INT64)
    order = builder.zext(load(builder, builder.add(table, row), ir.VectorType(BYTE, PART), 8), EIGHT)
    kind = ir.FunctionType(EIGHT, [EIGHT, EIGHT])
    permute = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx2.permd")
    for what, where in (
        (builder.add(everywhere(builder, start, EIGHT), order), index),
        (builder.call(permute, [words, order]), word),
    ):
        builder.store(what, builder.inttoptr(where, EIGHT.as_pointer())).align = 4
    return builder.zext(builder.ctpop(mask), INT64)


def _orders(module: Any) -> Any:
    """Return the table: for each mask of 8 bits, the numbers of those that are set, and zeros, a byte each."""
    name = "harmonium_orders_of_eight"
    if name not in module.globals:
        sets = [[k for k in range(PART) if mask >> k & 1] for mask in range(2**PART)]
        rows = [number for numbers in sets for number in numbers + [0] * (PART - len(numbers))]
        table = cgutils.global_constant(module, name, ir.Constant(ir.ArrayType(BYTE, len(rows)), rows))
        table.align = PART
    return module.globals[name]


def _append_each(builder: Any, words: Any, start: Any, index: Any, word: Any) -> Any:
    """Write each word where the next one belongs, and go on from there only if it is not 0."""
    count: Any = INT64(0)
    for k in range(HALF):
        of_word, shift = builder.extract_element(words, INT32(k)), builder.shl(count, INT64(2))
        for what, where in ((builder.add(start, INT32(k)), index), (of_word, word)):
            builder.store(what, builder.inttoptr(builder.add(where, shift), INT32.as_pointer())).align = 4
        count = builder.add(count, builder.zext(builder.icmp_unsigned("!=", of_word, INT32(0)), INT64))
    return count
