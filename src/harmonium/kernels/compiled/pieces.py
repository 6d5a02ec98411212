"""Who does which piece of the work: threads take pieces from both ends until these meet."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from harmonium.kernels.compiled.intrinsics import fetch_and_increment


@njit(inline="always")
def arrive(counters: Any) -> Any:
    """Return from which side this thread takes pieces, 0 or 1: the first to arrive from the first piece on.

    The thread that calls arrives first nearly always. So the same thread has the same half of cases or of weights from
    kernel to kernel, and finds them in its own cache.
    """
    return fetch_and_increment(counters) & 1


@njit(inline="always")
def next_piece(counters: Any, side: Any, pieces: Any) -> Any:
    """Return the next piece of so many for a thread that takes them from this side; `pieces` where none is left.

    A thread that the machine slows down takes fewer.
    """
    if fetch_and_increment(counters + 8) >= pieces:
        return np.int64(pieces)
    taken = fetch_and_increment(counters + 16 + 8 * side)
    return pieces - 1 - taken if side else taken
