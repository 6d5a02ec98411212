"""In which precision training multiplies: weights rounded to bfloat16 on the CPU, TF32 on a GPU, or float32."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from harmonium.errors import InputError
from harmonium.kernels import multiplies_bfloat16, why_not
from harmonium.packed import PackedRBM, RoundedRBM, gains
from harmonium.rbm import RBM


def as_sampled(rbm: RBM, precision: str) -> RBM:
    """Return the model for samplers: packed where that gains, and rounded where that was asked for or gains too.

    Parameters
    ----------
    rbm : RBM
        On its device. On a GPU it stays as it is: there `tensor_cores` decides.
    precision : {"auto", "float32", "mixed"}

    Raises
    ------
    InputError
        When mixed precision was asked for and cannot be.
    """
    if rbm.weights.is_cuda:
        return rbm
    if not gains(rbm):
        if precision == "mixed":
            reason = why_not() or "the model is too small, or its visible units are not binary"
            raise InputError(f"mixed precision gains nothing here ({reason}): leave the precision at auto")
        return rbm
    rounded = precision == "mixed" or (precision == "auto" and multiplies_bfloat16())
    return RoundedRBM(rbm) if rounded else PackedRBM(rbm)


@contextlib.contextmanager
def tensor_cores(device: torch.device, precision: str) -> Iterator[None]:
    """Let products on a GPU take the faster way through its tensor cores, but for float32; elsewhere do nothing.

    TF32 keeps 10 bits of each factor's mantissa, 3 more than bfloat16, so that binary states are exact and a weight is
    off by at most 2^-11 of itself; sums are float32, and so is everything that learns.

    Parameters
    ----------
    device : torch.device
        Where the model is.
    precision : {"auto", "float32", "mixed"}
    """
    if device.type != "cuda" or precision == "float32":
        yield
        return
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
