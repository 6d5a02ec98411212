"""Copies of a few numbers.

For an array that is assigned to a slice numba compiles the text of an error of unequal shapes as well, which takes it
longer than many a kernel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(nogil=True, error_model="numpy")
def copy(source: Any, target: Any, start: Any, count: Any) -> None:
    """Copy so many numbers to a target, from one of its own on."""
    for k in range(count):
        target[np.uint64(start + k)] = source[np.uint64(k)]
