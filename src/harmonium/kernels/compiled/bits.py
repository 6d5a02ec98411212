"""Binary states as single bits: a 32nd of the memory that float32 takes, and read by masks of vector registers.

An array of bits is uint32 (blocks of 32 units, cases): bit k of word (block, case) is unit 32 block + k. There is room
for a multiple of 32 cases, and what lies beyond the last case or unit is 0. So all cases of a block follow each other,
as the gradient wants them.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from harmonium.kernels.compiled.intrinsics import HALF, INT32, INT64, LANES, WORDS, load

BIT, SHORT = ir.IntType(1), ir.IntType(16)
MASK, SHORTS = ir.VectorType(BIT, LANES), ir.VectorType(SHORT, LANES)


@njit(inline="always")
def room_for(cases: Any) -> Any:
    """Return for how many cases an array of bits has room."""
    return (cases + LANES - 1) // LANES * LANES


@njit(inline="always")
def blocks_of(units: Any) -> Any:
    """Return how many blocks of 32 units there are."""
    return (units + LANES - 1) // LANES


def _spread(builder: Any, mask: Any, one: Any) -> Any:
    """Emit 32 numbers of 16 bits: one where the mask is set, else 0."""
    return builder.select(mask, one, ir.Constant(SHORTS, [0] * LANES))


def _all(builder: Any, one: Any) -> Any:
    """Emit a vector of 32 numbers of 16 bits, all of them this int64."""
    order = ir.Constant(ir.VectorType(INT32, LANES), [0] * LANES)
    first = builder.insert_element(ir.Constant(SHORTS, ir.Undefined), builder.trunc(one, SHORT), INT32(0))
    return builder.shuffle_vector(first, ir.Constant(SHORTS, ir.Undefined), order)


def turned(builder: Any, address: Any) -> list[Any]:
    """Emit, for each of the 32 units of a block, the mask of the 32 cases at an address in which its bit is set."""
    halves = [load(builder, builder.add(address, INT64(4 * k)), WORDS, 4) for k in (0, HALF)]
    nothing, both = ir.Constant(WORDS, [0] * HALF), ir.Constant(ir.VectorType(INT32, LANES), list(range(LANES)))
    masks = []
    for unit in range(LANES):
        bit = ir.Constant(WORDS, [1 << unit] * HALF)
        parts = [builder.icmp_unsigned("!=", builder.and_(half, bit), nothing) for half in halves]
        masks.append(builder.shuffle_vector(*parts, both))
    return masks


@intrinsic
def write_states(_context: Any, bits: Any, one: Any, out: Any) -> Any:
    """Write 32 states of 16 bits each at an address, multiple of 64: this number for a one."""

    def generate(target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        bits, one, out = arguments
        states = _spread(builder, builder.bitcast(builder.trunc(bits, INT32), MASK), _all(builder, one))
        builder.store(states, builder.inttoptr(out, SHORTS.as_pointer())).align = 64
        return target.get_dummy_value()

    return types.void(types.uint64, types.int64, types.int64), generate


@intrinsic
def bits_of_states(_context: Any, states: Any) -> Any:
    """Return which of 32 states of 16 bits each, at an address, are not 0."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        found = builder.icmp_unsigned("!=", load(builder, arguments[0], SHORTS, 2), ir.Constant(SHORTS, [0] * LANES))
        return builder.zext(builder.bitcast(found, INT32), INT64)

    return types.uint64(types.int64), generate


@intrinsic
def count_ones(_context: Any, bits: Any, cases: Any, out: Any) -> Any:
    """Write in how many cases, fewer than 2^16, each of the 32 units of a block is on: 32 numbers of 16 bits."""

    def generate(target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        bits, cases, out = arguments
        one, total = ir.Constant(SHORTS, [1] * LANES), cgutils.alloca_once(builder, SHORTS)
        builder.store(ir.Constant(SHORTS, [0] * LANES), total)
        with cgutils.for_range(builder, cases) as loop:
            word = load(builder, builder.add(bits, builder.shl(loop.index, INT64(2))), INT32, 4)
            more = _spread(builder, builder.bitcast(word, MASK), one)
            builder.store(builder.add(builder.load(total), more), total)
        builder.store(builder.load(total), builder.inttoptr(out, SHORTS.as_pointer())).align = 2
        return target.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def write_turned(_context: Any, bits: Any, one: Any, out: Any) -> Any:
    """Write a block of 32 cases, from an address on, as 32 rows of 64 bytes: a unit's states in these cases."""

    def generate(target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        bits, one, out = arguments
        number = _all(builder, one)
        for unit, mask in enumerate(turned(builder, bits)):
            place = builder.inttoptr(builder.add(out, INT64(64 * unit)), SHORTS.as_pointer())
            builder.store(_spread(builder, mask, number), place).align = 64
        return target.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate
