"""Compiled kernels run on the threads that torch has already: one pool of threads a process, so that none fight."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch

COUNTERS = (0,) * 9
"""What the threads of a kernel count together; `compiled/pieces.py` says what."""


@functools.cache
def _openmp() -> Any:
    """Return ``GOMP_parallel`` of the OpenMP library that torch has loaded, or None where it has another kind."""
    for library in sorted((Path(torch.__file__).parent / "lib").glob("libgomp*.so*")):
        start = ctypes.CDLL(str(library)).GOMP_parallel  # of GCC's OpenMP interface, unchanged since GCC 4.9
        start.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        start.restype = None
        return start
    return None


def shares_threads_of_torch() -> bool:
    """Whether kernels run on torch's threads; if not, they run on one."""
    return _openmp() is not None


@functools.cache
def _entry(address: int) -> Any:
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)


def run(kernel: Any, *arguments: int) -> None:
    """Run a compiled kernel, on all threads of torch.

    Every thread calls the kernel with the address of the same table of numbers: the arguments, after them nine
    counters at 0, and in front of everything the counters' address. A kernel takes its next piece of work by raising
    them (`compiled/pieces.py`), so that a thread that the machine slows down takes fewer pieces, and what is computed
    never depends on which thread did it.

    Parameters
    ----------
    kernel : numba.core.ccallback.CFunc
        Of signature ``void(int64*)``.
    *arguments : int
        Addresses and sizes.
    """
    table = _table(arguments)
    address = table.ctypes.data
    parallel, threads = _openmp(), torch.get_num_threads()
    if parallel is None or threads == 1:
        _entry(kernel.address)(address)
    else:
        parallel(kernel.address, address, threads, 0)


def run_alone(kernel: Any, *arguments: int) -> None:
    """Run a compiled kernel on this thread, where its work is not worth waking others for; as `run`."""
    table = _table(arguments)
    _entry(kernel.address)(table.ctypes.data)


def _table(arguments: tuple[int, ...]) -> np.ndarray:
    table = np.array([0, *arguments, *COUNTERS], dtype=np.int64)
    table[0] = table.ctypes.data + 8 * (len(table) - len(COUNTERS))
    return table
