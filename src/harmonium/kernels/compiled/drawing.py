"""Binary states drawn in vector registers of 512 bits, 64 at a time, and written as 16 bits each.

The same numbers and the same arithmetic as `samplers.sample_from_field`, bit for bit, in three quarters of the time.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from harmonium.kernels.compiled import elementary
from harmonium.kernels.compiled.intrinsics import HALF, INT64, REGISTER, WORDS, everywhere, load
from harmonium.kernels.compiled.philox import MULTIPLIERS, ROUNDS

COUNTERS = HALF
"""So many counters make four times as many states."""

LONGS, SHORTS = ir.VectorType(INT64, HALF // 2), ir.VectorType(ir.IntType(16), HALF)


def _all(kind: Any, number: Any) -> Any:
    return ir.Constant(kind, [kind.element(number).constant] * kind.count)


def _of_floats(builder: Any, name: str, *arguments: Any) -> Any:
    kind = ir.FunctionType(REGISTER, [REGISTER] * len(arguments))
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v16f32"), arguments)


def _upper(builder: Any, longs: Any) -> Any:
    """Emit the upper halves of some words of 64 bits as lower ones; what the upper ones are then does not matter.

    By moving halves rather than by a shift, for which processors have only the port that multiplies.
    """
    halves = builder.bitcast(longs, WORDS)
    order = ir.Constant(WORDS, [k | 1 for k in range(HALF)])
    return builder.bitcast(builder.shuffle_vector(halves, ir.Constant(WORDS, ir.Undefined), order), LONGS)


def _random_words(builder: Any, counter: Any, keys: Any) -> Any:
    """Emit Philox of 16 counters from one on: four vectors of 16 words.

    Words of 64 bits hold those of even counters, others those of odd ones, so that one instruction interleaves both.
    """
    order = ir.Constant(WORDS, [k // 2 * 2 + HALF * (k % 2) for k in range(HALF)])
    lower, by_32 = _all(LONGS, 0xFFFFFFFF), _all(LONGS, 32)
    halves = []
    for odd in (0, 1):
        steps = ir.Constant(LONGS, list(range(odd, HALF, 2)))
        c0 = builder.add(everywhere(builder, counter, LONGS), steps)
        c1, c2, c3 = builder.lshr(c0, by_32), _all(LONGS, 0), _all(LONGS, 0)
        for k in range(ROUNDS):
            key0, key1 = (
                everywhere(builder, load(builder, builder.add(keys, INT64(8 * (2 * k + one))), INT64, 8), LONGS)
                for one in (0, 1)
            )
            low, high = (
                builder.mul(builder.and_(x, lower), _all(LONGS, int(factor)))
                for x, factor in zip((c0, c2), MULTIPLIERS, strict=True)
            )
            c0 = builder.xor(builder.xor(_upper(builder, high), c1), key0)
            c2 = builder.xor(builder.xor(_upper(builder, low), c3), key1)
            c1, c3 = high, low
        halves.append([builder.bitcast(x, WORDS) for x in (c0, c1, c2, c3)])
    return [builder.shuffle_vector(*both, order) for both in zip(*halves, strict=True)]


def _exp2(builder: Any, x: Any) -> Any:
    """Emit `elementary.exp2`."""
    limit = float(elementary.LIMIT)
    x = _of_floats(builder, "maxnum", x, _all(REGISTER, -limit))
    x = _of_floats(builder, "minnum", x, _all(REGISTER, limit))
    whole = _of_floats(builder, "floor", x)
    part, power = builder.fsub(x, whole), _all(REGISTER, float(elementary.E5))
    for name in ("E4", "E3", "E2", "E1", "E0"):
        power = _of_floats(builder, "fma", power, part, _all(REGISTER, float(getattr(elementary, name))))
    bits = builder.add(builder.fptosi(whole, WORDS), _all(WORDS, int(elementary.BIAS)))
    return builder.fmul(power, builder.bitcast(builder.shl(bits, _all(WORDS, int(elementary.SHIFT))), REGISTER))


def _drawer(one: int) -> Any:
    """Return the intrinsic that draws states, of which this is a one."""

    def generate(target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        field, scale, bias, counter, keys, quarter, out = arguments
        certain, factor = _all(REGISTER, 1.0), everywhere(builder, scale, REGISTER)
        for k, words in enumerate(_random_words(builder, counter, keys)):
            whole = builder.sitofp(builder.lshr(words, _all(WORDS, 8)), REGISTER)
            uniform = builder.fmul(whole, _all(REGISTER, 2.0**-24))
            shift = builder.mul(quarter, INT64(4 * k))
            sent = builder.fmul(factor, load(builder, builder.add(field, shift), REGISTER, 4))
            x = builder.fadd(sent, load(builder, builder.add(bias, shift), REGISTER, 4))
            odds = _exp2(builder, builder.fmul(builder.fneg(x), _all(REGISTER, float(elementary.LOG2_E))))
            is_on = builder.fcmp_ordered("<", builder.fmul(uniform, builder.fadd(certain, odds)), certain)
            states = builder.select(is_on, _all(SHORTS, one), _all(SHORTS, 0))
            place = builder.inttoptr(builder.add(out, builder.mul(quarter, INT64(2 * k))), SHORTS.as_pointer())
            builder.store(states, place).align = 2
        return target.get_dummy_value()

    @intrinsic
    def draw_states(
        _context: Any, field: Any, scale: Any, bias: Any, counter: Any, keys: Any, quarter: Any, out: Any
    ) -> Any:
        """Draw 16 units of each quarter of a case, by the random words of 16 counters: u < sigmoid(scale field + bias).

        Addresses of the first unit of the first quarter, but for `counter` and for `quarter`, how many units lie
        between the quarters; `keys` are those of all rounds, two int64 each.
        """
        return types.void(types.int64, types.float32, *[types.int64] * 5), generate

    return draw_states


ONE_IN_BFLOAT16 = 0x3F80
draw_states_in_bfloat16, draw_whole_states = _drawer(ONE_IN_BFLOAT16), _drawer(1)
