"""exp2, log, sine and cosine in float32, for vector registers: the library's functions are called element by element.

Each is a polynomial after a reduction of its argument, without a branch, so that the loop around it becomes vector
instructions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

ONE, TWO, HALF = np.float32(1), np.float32(2), np.float32(0.5)
LIMIT, BIAS, SHIFT = np.float32(126), np.int32(127), np.int32(23)
MANTISSA, ROOT2 = np.int32(0x007FFFFF), np.float32(1.4142135623730951)
LN2, LOG2_E = np.float32(0.6931471805599453), np.float32(1.4426950408889634)
# Minimax polynomial of 2^x on [0, 1), relative error below 3e-7, the rounding of float32 included.
E5, E4, E3 = np.float32(1.8775767e-3), np.float32(8.9893397e-3), np.float32(5.5826318e-2)
E2, E1, E0 = np.float32(2.4015361e-1), np.float32(6.9315308e-1), np.float32(9.9999994e-1)
# Of log(1 + x) / x between the roots of 1/2 and 2, less 1: relative error 3e-8 before rounding.
L8, L7, L6 = np.float32(0.087439455), np.float32(-0.1437733), np.float32(0.14949095)
L5, L4, L3 = np.float32(-0.16560696), np.float32(0.19956978), np.float32(-0.25002155)
L2, L1 = np.float32(0.33334184), np.float32(-0.49999988)
# Of sin(2 pi x) / x and cos(2 pi x) in x^2, for |x| up to 1/2: errors 2e-9 and 1e-8 before rounding.
S6, S5, S4 = np.float32(3.2381375), np.float32(-14.899848), np.float32(42.025928)
S3, S2, S1, S0 = np.float32(-76.703018), np.float32(81.605133), np.float32(-41.341702), np.float32(6.2831855)
C6, C5, C4 = np.float32(6.5286584), np.float32(-25.9676), np.float32(60.167629)
C3, C2, C1 = np.float32(-85.450142), np.float32(64.939117), np.float32(-19.739204)


def inlined(*liberties: str) -> Any:
    """Return a decorator that compiles a loop into every kernel that calls it, with some liberties of rounding.

    Kernels find a function of its own by its name, and with it whichever copy of its code a process met first. These
    differ in their last bits, so that a model would depend on whether kernels were compiled or came from the cache.
    """
    return njit(nogil=True, error_model="numpy", forceinline=True, fastmath=set(liberties))


@njit(inline="always")
def exp2(x: Any) -> Any:
    """2^x."""
    x = min(max(x, -LIMIT), LIMIT)
    whole = np.int32(np.floor(x))
    part = np.float32(x - np.float32(whole))
    p = np.float32(E5 * part + E4)
    p = np.float32(p * part + E3)
    p = np.float32(p * part + E2)
    p = np.float32(p * part + E1)
    p = np.float32(p * part + E0)
    return np.float32(p * np.int32((whole + BIAS) << SHIFT).view(np.float32))


@njit(inline="always")
def log(x: Any) -> Any:
    """log x of a positive, normal x."""
    bits = np.float32(x).view(np.int32)
    exponent = np.int32(bits >> SHIFT) - BIAS
    mantissa = np.int32((bits & MANTISSA) | np.int32(BIAS << SHIFT)).view(np.float32)
    above = mantissa > ROOT2
    mantissa = np.float32(mantissa * (HALF if above else ONE))
    whole = np.float32(exponent) + (ONE if above else np.float32(0))
    t = np.float32(mantissa - ONE)
    p = np.float32(L8 * t + L7)
    p = np.float32(p * t + L6)
    p = np.float32(p * t + L5)
    p = np.float32(p * t + L4)
    p = np.float32(p * t + L3)
    p = np.float32(p * t + L2)
    p = np.float32(p * t + L1)
    return np.float32(np.float32(whole * LN2) + np.float32(t + np.float32(np.float32(t * t) * p)))


@njit(inline="always")
def sine(x: Any) -> Any:
    """sin(2 pi x) for x from -1/2 to 1/2."""
    y = np.float32(x * x)
    p = np.float32(S6 * y + S5)
    p = np.float32(p * y + S4)
    p = np.float32(p * y + S3)
    p = np.float32(p * y + S2)
    p = np.float32(p * y + S1)
    return np.float32(x * np.float32(p * y + S0))


@njit(inline="always")
def cosine(x: Any) -> Any:
    """cos(2 pi x) for x from -1/2 to 1/2."""
    y = np.float32(x * x)
    p = np.float32(C6 * y + C5)
    p = np.float32(p * y + C4)
    p = np.float32(p * y + C3)
    p = np.float32(p * y + C2)
    p = np.float32(p * y + C1)
    return np.float32(p * y + ONE)
