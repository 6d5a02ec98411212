"""The counter-based random numbers of the compiled kernels: Philox4x32-10.

The numbers are a function of a key and a counter, so that any thread can make any of them in any order.

Source: Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.3, which passes
TestU01's BigCrush. The tests hold it to the known answers that came with the authors' Random123.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

ROUNDS = 10
MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)

FIRST, SECOND = MULTIPLIERS
WEYL_FIRST, WEYL_SECOND = WEYL
HALF = np.uint64(32)


@njit(inline="always")
def philox(c0: Any, c1: Any, c2: Any, c3: Any, key0: Any, key1: Any) -> Any:
    """Return the four uint32 of one counter (c0, c1, c2, c3) and key."""
    # Every step is cast back to 32 bits: numba widens them to 64 otherwise, and the loop around this halves its speed.
    for _ in range(ROUNDS):
        low, high = FIRST * np.uint64(c0), SECOND * np.uint64(c2)
        c0 = np.uint32(np.uint32(high >> HALF) ^ c1 ^ key0)
        c2 = np.uint32(np.uint32(low >> HALF) ^ c3 ^ key1)
        c1, c3 = np.uint32(high), np.uint32(low)
        key0, key1 = np.uint32(key0 + WEYL_FIRST), np.uint32(key1 + WEYL_SECOND)
    return c0, c1, c2, c3


@njit(nogil=True, error_model="numpy")
def fill_keys(keys: Any, key: Any) -> None:
    """Fill int64 (2 rounds,) with the two words of the key in every round."""
    key0, key1 = np.uint32(key), np.uint32(np.uint64(key) >> HALF)
    for k in range(ROUNDS):
        keys[2 * k], keys[2 * k + 1] = key0, key1
        key0, key1 = np.uint32(key0 + WEYL_FIRST), np.uint32(key1 + WEYL_SECOND)


@njit(nogil=True, error_model="numpy")
def fill_uniform(uniform: Any, start: Any, key: Any) -> None:
    """Fill float32 (4 q,) with numbers in [0, 1), multiples of 2^-24, from the counters start, ..., start + q - 1.

    Number b + r q is word r of counter start + b: each of the four loops over b runs in vector registers.
    """
    quarter = len(uniform) // 4
    scale, drop, zero = np.float32(2.0**-24), np.uint32(8), np.uint32(0)
    key0, key1 = np.uint32(key), np.uint32(np.uint64(key) >> HALF)
    for b in range(quarter):
        counter = np.uint64(start) + np.uint64(b)
        low, high = np.uint32(counter), np.uint32(counter >> HALF)
        w0, w1, w2, w3 = philox(low, high, zero, zero, key0, key1)
        uniform[b] = np.float32(np.int32(w0 >> drop)) * scale
        uniform[b + quarter] = np.float32(np.int32(w1 >> drop)) * scale
        uniform[b + 2 * quarter] = np.float32(np.int32(w2 >> drop)) * scale
        uniform[b + 3 * quarter] = np.float32(np.int32(w3 >> drop)) * scale
