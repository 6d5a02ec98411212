"""The sum that a free energy of binary units spends its time on."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from harmonium.kernels.backend import compiled, kernels_take, shape_of
from harmonium.kernels.threads import run


def sum_of_softplus(field: Tensor, bias: Tensor) -> Tensor:
    """Return sum_i log(1 + exp(field_i + bias_i)): (..., n), (n,) -> (...), in the dtype of the field.

    Where the compiled kernels serve, it is summed in float64 and rounded once.
    """
    if not kernels_take(field, bias):
        return F.softplus(field + bias).sum(-1)
    out = torch.empty(field.shape[:-1], dtype=torch.float64)
    run(compiled("samplers").sum_of_softplus, field, bias, out, *shape_of(field))
    return out.to(field.dtype)
