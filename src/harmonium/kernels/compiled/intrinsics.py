"""What numba has no word for: counters that threads share, arrays at an address, masks of what is not 0."""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic

INT32, INT64, FLOAT = ir.IntType(32), ir.IntType(64), ir.FloatType()

LANES = 32
"""So many columns make a block, whose rows are summed at once: two registers of 512 bits, or four of 256."""

HALF = LANES // 2
VECTOR, REGISTER, WORDS = ir.VectorType(FLOAT, LANES), ir.VectorType(FLOAT, HALF), ir.VectorType(INT32, HALF)

_, PROCESSOR, _features = cpu_target.target_context.codegen().magic_tuple()
FEATURES = frozenset(_features.split(","))
"""What the processor is called for which kernels are compiled, and what it can, in LLVM's words with a sign."""

HAS_TILES = "+amx-bf16" in FEATURES
"""Whether code is compiled for a processor with matrix registers (Intel's AMX)."""


def load(builder: Any, address: Any, kind: Any, align: int) -> Any:
    """Emit the load of a value of a kind at an address that is a multiple of `align`."""
    loaded = builder.load(builder.inttoptr(address, kind.as_pointer()))
    loaded.align = align
    return loaded


def everywhere(builder: Any, value: Any, vector: Any) -> Any:
    """Emit a vector that holds a value in all its lanes."""
    undefined = ir.Constant(vector, ir.Undefined)
    order = ir.Constant(ir.VectorType(INT32, vector.count), [0] * vector.count)
    return builder.shuffle_vector(builder.insert_element(undefined, value, INT32(0)), undefined, order)


@intrinsic
def fetch_and_increment(_context: Any, address: Any) -> Any:
    """Raise the int64 at an address by one, atomically, and return what it was."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], INT64.as_pointer())
        # What a thread wrote before, another that finds the counter raised can read.
        return builder.atomic_rmw("add", pointer, ir.Constant(INT64, 1), "acq_rel")

    return types.int64(types.int64), generate


@intrinsic
def load_shared(_context: Any, address: Any) -> Any:
    """Return the int64 at an address that other threads change, and with it all that they wrote before."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(builder.inttoptr(arguments[0], INT64.as_pointer()), "acquire", 8)

    return types.int64(types.int64), generate


@intrinsic
def pause(_context: Any) -> Any:
    """Let the other thread of a core go first, where that can be said: for a thread that waits."""

    def generate(target: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        if platform.machine().lower() in ("x86_64", "amd64"):
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse2.pause"), [])
        return target.get_dummy_value()

    return types.void(), generate


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
longs_at = _pointer(types.int64, INT64)
words_at = _pointer(types.uint32, INT32)
halves_at = _pointer(types.uint16, ir.IntType(16))
bytes_at = _pointer(types.uint8, ir.IntType(8))


@intrinsic
def mask_of_different(_context: Any, numbers: Any, others: Any) -> Any:
    """Return which of the 32 float32 at an address differ from those at another, as the lower bits of a uint64."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        bits = builder.fcmp_unordered("!=", *(load(builder, address, VECTOR, 4) for address in arguments))
        return builder.zext(builder.bitcast(bits, INT32), INT64)

    return types.uint64(types.int64, types.int64), generate


@intrinsic
def trailing_zeros(_context: Any, mask: Any) -> Any:
    """Return the number of the lowest bit that is set in a uint64 other than 0."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate
