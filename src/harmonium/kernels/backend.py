"""Whether the compiled kernels are there, and for what they are used."""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.util
import os
import platform
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

SWITCH = "HARMONIUM_KERNELS"
"""Environment variable: ``torch`` keeps to plain torch."""

SMALLEST = 2**13
"""Of fewer numbers a call of torch is as fast."""


@functools.cache
def compiled(name: str) -> ModuleType:
    """Return a module of compiled kernels, of `harmonium.kernels.compiled`, by its name.

    The first call compiles them, which takes some seconds once on a machine, and reads them from numba's cache after.
    """
    return importlib.import_module(f"harmonium.kernels.compiled.{name}")


@functools.cache
def why_not() -> str:
    """Say why there are no compiled kernels; the empty string where there are."""
    if os.environ.get(SWITCH) == "torch":
        return f"{SWITCH} is torch"
    if importlib.util.find_spec("numba") is None:
        return "numba is not installed"
    return ""


@functools.cache
def has(capability: str) -> bool:
    """Whether the processor can do this, by torch's name for it; false of a torch that does not say."""
    return bool(_capabilities().get(capability))


def _capabilities() -> dict[str, Any]:
    known: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return known


def multiplies_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 faster than float32: in matrix registers, or AMD's with AVX-512.

    Intel's processors take two cycles for the instruction of AVX-512 (VDPBF16PS), and half of one for float32 (VFMADD).
    """
    return has("amx_bf16") or (has("avx512_bf16") and not str(_capabilities().get("cpu_name")).startswith("Intel"))


@functools.cache
def has_tiles() -> bool:
    """Whether kernels may use the processor's matrix registers (AMX), for which Linux wants to be asked."""
    if why_not() or not has("amx_bf16") or not compiled("intrinsics").HAS_TILES:
        return False
    ask, permission, tiles = 158, 0x1023, 18  # arch_prctl, ARCH_REQ_XCOMP_PERM, XTILEDATA: of the whole process
    return platform.system() == "Linux" and ctypes.CDLL(None).syscall(ask, permission, tiles) == 0


@functools.cache
def multiplies_pairs() -> bool:
    """Whether kernels multiply numbers of 16 bits faster than float32: pairs at once, or in matrix registers."""
    if why_not():
        return False
    return has_tiles() or bool(compiled("instructions").MULTIPLIES_PAIRS)


@functools.cache
def callable_of(kernel: Any) -> Any:
    """Return a compiled kernel as a function of ctypes."""
    return kernel.ctypes


def kernels_take(*tensors: Tensor) -> bool:
    """Whether the compiled kernels take these tensors: float32 in order on the CPU, enough of it, and no gradient."""
    if why_not() or max([tensor.numel() for tensor in tensors]) < SMALLEST:
        return False
    watched = torch.is_grad_enabled()
    for tensor in tensors:
        if tensor.dtype != torch.float32 or not tensor.is_contiguous() or not tensor.is_cpu:
            return False
        if watched and tensor.requires_grad:
            return False
    return True


def key_of(generator: torch.Generator | None) -> int:
    """Draw the key of a counter-based generator: one number, whatever the size of what it will make."""
    return int(torch.randint(2**63 - 1, (), generator=generator))


def shape_of(x: Tensor, pieces: int = 32) -> tuple[int, int, int]:
    """Return cases, width, and how many cases make a piece of work, so that there are about so many pieces."""
    width = x.shape[-1] if x.dim() else 1
    cases = x.numel() // width
    return cases, width, max(1, cases // pieces)
