"""A step of stochastic gradient descent on the weights, gradient and all, in one pass over them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from harmonium.kernels.backend import compiled, kernels_take
from harmonium.kernels.products import UNITS, PackedWeights, blocks, is_sparse, pack_floats
from harmonium.kernels.threads import run


class Descent(NamedTuple):
    """The numbers of a step of torch's SGD: g += decay w; b = momentum b + g; w -= rate b."""

    decay: float
    momentum: float
    rate: float


def descent_takes(weights: Tensor, *states: Tensor) -> bool:
    """Whether `descend` takes these weights and visible states: in float32, in order, the states mostly 0."""
    return kernels_take(weights, *states) and all(is_sparse(x) for x in states)


class Offsets(NamedTuple):
    """What centering subtracts from a gradient, and what it needs of the result; all float32, contiguous.

    Attributes
    ----------
    visible : Tensor, shape (n, 2)
        Offset of each visible unit, and the difference of its means, model less data.
    hidden : Tensor, shape (2, m)
        Offsets of the hidden units, and the differences of their means.
    """

    visible: Tensor
    hidden: Tensor


@torch.no_grad()
def descend(
    weights: Tensor,
    velocity: Tensor | None,
    model: tuple[Tensor, Tensor, float],
    data: tuple[Tensor, Tensor, float],
    numbers: Descent,
    packed: PackedWeights | None = None,
    offsets: Offsets | None = None,
) -> tuple[Tensor, Tensor] | None:
    """Change weights and velocity in place by a step along g = sum of factor x' y over model and data.

    With offsets (a visible, b hidden; d the differences), g is first centred: g_ij - a_i d_j - d_i b_j.

    Parameters
    ----------
    weights, velocity : Tensor, shape (n, m)
        The velocity may be None where the momentum is 0.
    model, data : (x, y, factor)
        Visible states (cases, n), means of hidden units (cases, m), and what their product counts.
    numbers : Descent
    packed : PackedWeights, optional
        The rounded copy of the weights, to be kept up to date in the same pass.
    offsets : Offsets, optional
        What centering subtracts.

    Returns
    -------
    (Tensor, Tensor) or None
        With offsets, g b (n,) and a g (m,), which the gradients of the biases need.
    """
    n, m = weights.shape
    cases = len(model[0]) + len(data[0])
    means = blocks(cases, m, torch.float32)
    pack_floats(model[1], means, 0, model[2])
    pack_floats(data[1], means, len(model[0]), data[2])
    factors = np.array(numbers, dtype=np.float32)
    copies = (0, 0) if packed is None else (packed.rows.data_ptr(), packed.columns.data_ptr())
    dots, sums = torch.empty(n), torch.empty(-(-n // UNITS), m)
    centre = (0,) * 4 if offsets is None else tuple(x.data_ptr() for x in (*offsets, dots, sums))
    run(
        compiled("descent").descend,
        *(number for x in (model[0], data[0]) for number in (x.data_ptr(), len(x))),
        *(means.data_ptr(), weights.data_ptr(), 0 if velocity is None else velocity.data_ptr(), n, m),
        *(factors.ctypes.data, UNITS),
        *copies,
        *centre,
    )
    torch.autograd.graph.increment_version([x for x in (weights, velocity) if x is not None])
    return None if offsets is None else (dots, sums.sum(0))
