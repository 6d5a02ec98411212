"""A step of stochastic gradient descent on the weights, gradient and all, in one pass over them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from harmonium.kernels.backend import compiled, kernels_take
from harmonium.kernels.products import in_blocks, is_sparse
from harmonium.kernels.threads import run


class Descent(NamedTuple):
    """The numbers of a step of torch's SGD: g += decay w; b = momentum b + g; w -= rate b."""

    decay: float
    momentum: float
    rate: float


def descent_takes(weights: Tensor, velocity: Tensor, *states: Tensor) -> bool:
    """Whether `descend` takes these weights and visible states: in float32, in order, the states mostly 0."""
    return kernels_take(weights, velocity, *states) and all(is_sparse(x) for x in states)


@torch.no_grad()
def descend(
    weights: Tensor,
    velocity: Tensor,
    model: tuple[Tensor, Tensor, float],
    data: tuple[Tensor, Tensor, float],
    numbers: Descent,
) -> None:
    """Change weights and velocity in place by a step along g = sum of factor x' y over model and data.

    Parameters
    ----------
    weights, velocity : Tensor, shape (n, m)
    model, data : (x, y, factor)
        Visible states (cases, n), means of hidden units (cases, m), and what their product counts.
    numbers : Descent
    """
    kernels = compiled()
    assert kernels is not None
    means = in_blocks(model[1], data[1])
    factors = np.array([model[2], data[2], *numbers], dtype=np.float32)
    run(
        kernels.descend,
        *(number for x in (model[0], data[0]) for number in (x.data_ptr(), len(x))),
        *(means.data_ptr(), weights.data_ptr(), velocity.data_ptr(), *weights.shape, factors.ctypes.data),
    )
    torch.autograd.graph.increment_version((weights, velocity))
