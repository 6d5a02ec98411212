"""Compiled kernels run on the threads that torch has already: one pool of threads a process, so that none fight."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

COUNTERS = 9
"""So many numbers the threads of a kernel count together; `compiled/pieces.py` says what."""

Argument: TypeAlias = int | Tensor | np.ndarray | None
"""What a kernel is told: a number, or whose address."""


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


class Call:
    """A kernel and the table of numbers that its threads share: made once, it can run again and again.

    Every thread calls the kernel with the address of the table: the arguments, after them nine counters at 0, and in
    front of everything the counters' address. A kernel takes its next piece of work by raising them
    (`compiled/pieces.py`), so that a thread that the machine slows down takes fewer pieces, and what is computed never
    depends on which thread did it.

    Parameters
    ----------
    kernel : numba.core.ccallback.CFunc
        Of signature ``void(int64*)``.
    *arguments : int, Tensor, ndarray or None
        Numbers. Of a tensor or an array the table holds the address, of None 0; ``call[place] = argument`` puts another
        one in its place.
    alone : bool
        Whether one thread is to run it, since its work is not worth waking others for; else all threads of torch do.
    """

    def __init__(self, kernel: Any, *arguments: Argument, alone: bool = False) -> None:
        self.kernel, self.alone, self._entry = kernel, alone, kernel.address
        self._arguments = list(arguments)  # kept, since the table has nothing but their addresses
        counters = 1 + len(arguments)
        self._table = (ctypes.c_int64 * (counters + COUNTERS))()
        self._address = ctypes.addressof(self._table)
        self._counters = self._table[0] = self._address + 8 * counters
        for place, argument in enumerate(arguments):
            self._table[1 + place] = _number(argument)

    def __setitem__(self, place: int, argument: Argument) -> None:
        self._arguments[place] = argument
        self._table[1 + place] = _number(argument)

    def __reduce__(self) -> Any:
        raise TypeError("a call cannot be copied: it holds addresses of this process")

    def run(self) -> None:
        """Run the kernel."""
        ctypes.memset(self._counters, 0, 8 * COUNTERS)
        parallel, threads = _openmp(), torch.get_num_threads()
        if parallel is None or threads == 1 or self.alone:
            _function(self._entry)(self._address)
        else:
            parallel(self._entry, self._address, threads, 0)


def run(kernel: Any, *arguments: Argument) -> None:
    """Run a compiled kernel once, as a `Call`, on all threads of torch."""
    Call(kernel, *arguments).run()


@functools.cache
def _function(address: int) -> Any:
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)


def _number(argument: Argument) -> int:
    if isinstance(argument, Tensor):
        return argument.data_ptr()
    if isinstance(argument, np.ndarray):
        return argument.ctypes.data
    return 0 if argument is None else argument
