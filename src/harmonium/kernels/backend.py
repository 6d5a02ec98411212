"""Whether the compiled kernels are there, and for what they are used."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
from types import ModuleType

import torch
from torch import Tensor

SWITCH = "HARMONIUM_KERNELS"
"""Environment variable: ``torch`` keeps to plain torch."""

SMALLEST = 2**13
"""Of fewer numbers a call of torch is as fast."""


@functools.cache
def compiled() -> ModuleType | None:
    """Return the module of compiled kernels, or None where they are switched off or numba is missing.

    The first call compiles them, which takes some seconds once on a machine, and reads them from numba's cache after.
    """
    if why_not():
        return None
    return importlib.import_module("harmonium.kernels.compiled")


def why_not() -> str:
    """Say why there are no compiled kernels; the empty string where there are."""
    if os.environ.get(SWITCH) == "torch":
        return f"{SWITCH} is torch"
    if importlib.util.find_spec("numba") is None:
        return "numba is not installed"
    return ""


def kernels_take(*tensors: Tensor) -> bool:
    """Whether the compiled kernels take these tensors: float32 in order on the CPU, enough of it, and no gradient."""
    largest = max(tensor.numel() for tensor in tensors)
    return (
        largest >= SMALLEST
        and not (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors))
        and all(t.dtype == torch.float32 and t.is_contiguous() and t.device.type == "cpu" for t in tensors)
        and compiled() is not None
    )


def key_of(generator: torch.Generator | None) -> int:
    """Draw the key of a counter-based generator: one number, whatever the size of what it will make."""
    return int(torch.randint(2**63 - 1, (), generator=generator))
