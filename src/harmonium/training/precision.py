"""In which precision training multiplies: weights rounded to 16 bits on the CPU, TF32 on a GPU, or float32."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from harmonium.errors import InputError
from harmonium.kernels import why_not
from harmonium.packed import PackedRBM, RoundedRBM, gains, rounded_if_faster
from harmonium.rbm import RBM

SWITCH: tuple[str, Any, Any] = (
    ("fp32_precision", "tf32", "ieee")
    if hasattr(torch.backends.cuda.matmul, "fp32_precision")
    else ("allow_tf32", True, False)
)
"""torch's switch for products on a GPU, its value for TF32, and for float32; from torch 2.9 on it has a new name."""


def as_sampled(rbm: RBM, precision: str) -> RBM:
    """Return the model for samplers: packed where that gains, and rounded where that was asked for or gains too.

    Parameters
    ----------
    rbm : RBM
        On its device. On a GPU it stays as it is: there `products_on_gpu` decides.
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
            reason = why_not() or "the model is too small, not on the CPU, or its visible units are not binary"
            raise InputError(f"mixed precision gains nothing here ({reason}): leave the precision at auto")
        return rbm
    if precision == "auto":
        return rounded_if_faster(rbm)
    return RoundedRBM(rbm) if precision == "mixed" else PackedRBM(rbm)


@contextlib.contextmanager
def products_on_gpu(device: torch.device, precision: str) -> Iterator[None]:
    """Let products on a GPU take the faster way through its tensor cores, or not for float32; elsewhere do nothing.

    TF32 keeps 10 bits of each factor's mantissa, 3 more than bfloat16: binary states are exact, and a weight, a mean or
    a real state is off by at most 2^-11 of itself. Sums are float32, and so is everything that learns. Afterwards the
    switch of torch stands where it stood.

    Parameters
    ----------
    device : torch.device
        Where the model is.
    precision : {"auto", "float32", "mixed"}
    """
    if device.type != "cuda":
        yield
        return
    switch, fast, exact = SWITCH
    before = getattr(torch.backends.cuda.matmul, switch)
    setattr(torch.backends.cuda.matmul, switch, exact if precision == "float32" else fast)
    try:
        yield
    finally:
        setattr(torch.backends.cuda.matmul, switch, before)
