"""Who does which piece of the work: threads take pieces from both ends until these meet.

A kernel's counters are nine numbers, all 0 when it begins: how many threads have arrived, and for each of up to two
stages of its work how many pieces are taken, from either end, and done.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from harmonium.kernels.compiled.intrinsics import fetch_and_increment, load_shared, pause

STAGE = 32
"""The counters of the second stage lie so many bytes beyond those of the first."""


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


@njit(inline="always")
def finish_piece(counters: Any, pieces: Any) -> Any:
    """Count a piece as done; return whether all of them are, which is so for one thread only."""
    return fetch_and_increment(counters + 32) == pieces - 1


@njit(inline="always")
def wait_for_all(counters: Any, pieces: Any) -> None:
    """Wait until all pieces are done: threads that are at it finish theirs, however many there are."""
    while load_shared(counters + 32) < pieces:
        pause()
