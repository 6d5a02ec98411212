"""A step of stochastic gradient descent on the weights, gradient and all, in one pass over them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from harmonium.kernels.autograd import no_grad
from harmonium.kernels.backend import compiled, has_tiles, kernels_take
from harmonium.kernels.products import LANES, UNITS, PackedWeights, blocks, is_sparse, pack_floats, pack_means, pairs_of
from harmonium.kernels.threads import run
from harmonium.kernels.tiled import TiledWeights


class Descent(NamedTuple):
    """The numbers of a step of torch's SGD: g += decay w; b = momentum b + g; w -= rate b."""

    decay: float
    momentum: float
    rate: float


def descent_takes(weights: Tensor, rounded: bool, *states: Tensor) -> bool:
    """Whether `descend` takes these weights and visible states, and is faster than a dense product.

    Both have to be in float32, in order, and the states mostly 0, but where the processor has matrix registers for
    rounded weights; `rounded` says which products it is held against.
    """
    if not kernels_take(weights, *states):
        return False
    return (rounded and has_tiles()) or all(is_sparse(x, rounded) for x in states)


class Offsets(NamedTuple):
    """What centering needs: float32, contiguous.

    Attributes
    ----------
    visible : Tensor, shape (n,)
        Offsets of the visible units.
    hidden : Tensor, shape (2, m)
        Offsets of the hidden units, and the differences of their means, model less data.
    """

    visible: Tensor
    hidden: Tensor


@no_grad
def descend(
    weights: Tensor,
    velocity: Tensor | None,
    model: tuple[Tensor, Tensor, float],
    data: tuple[Tensor, Tensor, float],
    numbers: Descent,
    packed: PackedWeights | TiledWeights | None = None,
    offsets: Offsets | None = None,
) -> tuple[Tensor, Tensor] | None:
    """Change weights and velocity in place by a step along g, the sum of factor x' y over model and data.

    With offsets (a visible, b and differences d hidden) g is centred: the sum of factor x' (y - b), less a d'.

    Parameters
    ----------
    weights, velocity : Tensor, shape (n, m)
        The velocity may be None where the momentum is 0.
    model, data : (x, y, factor)
        Visible states (cases, n), means of hidden units (cases, m), and what their product counts.
    numbers : Descent
    packed : PackedWeights or TiledWeights, optional
        The rounded copy of the weights, to be kept up to date in the same pass. With it, the means are rounded too.
    offsets : Offsets, optional
        What centering subtracts.

    Returns
    -------
    (Tensor, Tensor) or None
        With offsets, g b (n,) and a g (m,), which the gradients of the biases need.

    Notes
    -----
    What is rounded is off by at most 2^-8 of itself: less its offset, a mean keeps more of what cases differ in, and
    one near 1 as much as one near 0. Sums are float32.
    """
    units = LANES if isinstance(packed, TiledWeights) else UNITS
    factors, centre = np.array(numbers, dtype=np.float32), _Centre(offsets, weights, units)
    middle = None if offsets is None else offsets.hidden[0]
    means = (_means if packed is None else _rounded_means)(middle, model, data)
    addresses = (
        *(number for x in (model[0], data[0]) for number in (x.data_ptr(), len(x))),
        *(means.data_ptr(), weights.data_ptr(), 0 if velocity is None else velocity.data_ptr(), *weights.shape),
        *(factors.ctypes.data, units, *centre.addresses()),
    )
    if packed is None:
        run(compiled("descent").descend, *addresses)
    else:
        tiled = isinstance(packed, TiledWeights)
        kernel = compiled("tile_descent").descend_tiles if tiled else compiled("descent").descend_rounded
        run(kernel, *addresses, packed.rows.data_ptr(), packed.columns.data_ptr())
    torch.autograd.graph.increment_version([x for x in (weights, velocity) if x is not None])
    return centre.corrections()


def _means(centre: Tensor | None, *phases: tuple[Tensor, Tensor, float]) -> Tensor:
    """Return the means of the hidden units of all cases, less the centre and times their factors, in blocks."""
    means, first = blocks(sum(len(x) for x, _, _ in phases), phases[0][1].shape[1]), 0
    for x, y, factor in phases:
        pack_floats(y, means, first, centre, factor)
        first += len(x)
    return means


def _rounded_means(centre: Tensor | None, *phases: tuple[Tensor, Tensor, float]) -> Tensor:
    """Return them in bfloat16, two cases to a word; each phase begins with a word of its own."""
    pairs, first = [pairs_of(len(x)) for x, _, _ in phases], 0
    means = blocks(sum(pairs), phases[0][1].shape[1], torch.int32)
    for (_, y, factor), count in zip(phases, pairs, strict=True):
        pack_means(y, means, first, centre, factor)
        first += count
    return means


@no_grad
def descend_along(
    weights: Tensor,
    velocity: Tensor | None,
    gradient: Tensor,
    numbers: Descent,
    half: Tensor,
    offsets: Offsets | None = None,
) -> tuple[Tensor, Tensor] | None:
    """Change weights and velocity as `descend` does, by a step along a gradient that is at hand.

    Parameters
    ----------
    weights, velocity, numbers, offsets
        As for `descend`.
    gradient : Tensor, shape (n, m), bfloat16
        With offsets, of y - b. Its rows in order, however far apart.
    half : Tensor, shape (n, m), bfloat16
        The copy of the weights for dense products, which is written in the same pass.

    Returns
    -------
    (Tensor, Tensor) or None
        As of `descend`.
    """
    factors, centre = np.array(numbers, dtype=np.float32), _Centre(offsets, weights, UNITS)
    run(
        compiled("descent").descend_along,
        *(gradient.data_ptr(), weights.data_ptr(), 0 if velocity is None else velocity.data_ptr()),
        *(*weights.shape, gradient.stride(0), factors.ctypes.data, UNITS, half.data_ptr()),
        *centre.addresses(),
    )
    torch.autograd.graph.increment_version([x for x in (weights, velocity, half) if x is not None])
    return centre.corrections()


class _Centre:
    """Where a kernel finds the offsets, and leaves what the gradients of the biases need."""

    def __init__(self, offsets: Offsets | None, weights: Tensor, units: int) -> None:
        n, m = weights.shape
        self.offsets, self.dots, self.sums = offsets, torch.empty(n), torch.empty(-(-n // units), m)

    def addresses(self) -> tuple[int, ...]:
        """Return four addresses, 0 without offsets."""
        if self.offsets is None:
            return (0,) * 4
        return tuple(x.data_ptr() for x in (*self.offsets, self.dots, self.sums))

    def corrections(self) -> tuple[Tensor, Tensor] | None:
        """Return g b (n,) and a g (m,) with offsets."""
        return None if self.offsets is None else (self.dots, self.sums.sum(0))
