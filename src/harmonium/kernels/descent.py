"""A step of stochastic gradient descent on the weights, gradient and all, in one pass over them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from harmonium.kernels.autograd import no_grad
from harmonium.kernels.backend import compiled, kernels_take
from harmonium.kernels.products import LANES, UNITS, PackedWeights, blocks, is_sparse, pairs_of
from harmonium.kernels.threads import run, run_alone
from harmonium.kernels.tiled import TiledWeights

LARGEST = 2**15 - 1
"""The largest whole number of 16 bits."""


class Descent(NamedTuple):
    """The numbers of a step of torch's SGD: g += decay w; b = momentum b + g; w -= rate b."""

    decay: float
    momentum: float
    rate: float


def descent_takes(weights: Tensor, rounded: bool, *states: Tensor) -> bool:
    """Whether `descend` takes these weights and visible states, and is faster than a dense product.

    Both have to be in float32, in order, and the states mostly 0, unless the means are to be `rounded`.
    """
    return kernels_take(weights, *states) and (rounded or all(is_sparse(x) for x in states))


class Offsets(NamedTuple):
    """What centering needs: float32, contiguous.

    Attributes
    ----------
    visible : Tensor, shape (n,)
        Offsets of the visible units.
    hidden : Tensor, shape (m,)
        Offsets of the hidden units.
    difference : Tensor, shape (m,)
        Means of the hidden units under the model, less those under the data.
    """

    visible: Tensor
    hidden: Tensor
    difference: Tensor


class LayerStep(NamedTuple):
    """What the step on a parameter (k,) of a layer needs: float32 on the CPU.

    Attributes
    ----------
    parameter : Tensor
        Contiguous, as the velocity is: both are changed in place.
    velocity : Tensor, optional
        None where there is no momentum.
    model, data : Tensor
        Averages of -dE/dparameter.
    correction : Tensor, optional
        What centering takes from the gradient.
    """

    parameter: Tensor
    velocity: Tensor | None
    model: Tensor
    data: Tensor
    correction: Tensor | None = None


@no_grad
def descend(
    weights: Tensor,
    velocity: Tensor | None,
    model: tuple[Tensor, Tensor, float],
    data: tuple[Tensor, Tensor, float],
    numbers: Descent,
    packed: PackedWeights | TiledWeights | None = None,
    offsets: Offsets | None = None,
    largest: float = 1.0,
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
    largest : float
        No mean, less its offset, is larger than this, up or down: 1 of binary units.

    Returns
    -------
    (Tensor, Tensor) or None
        With offsets, g b (n,) and a g (m,), which the gradients of the biases need.

    Notes
    -----
    What is rounded for matrix registers, to bfloat16, is off by at most 2^-8 of itself: less its offset, a mean keeps
    more of what cases differ in, and one near 1 as much as one near 0. For other products it is off by at most 2^-16 of
    the largest, or 2^-15 in a phase whose factor is up to twice as small as the other's. Sums are float32, and over
    binary states of up to 256 cases exact.
    """
    (x, y, of_model), (other, other_y, of_data) = model, data
    units = LANES if isinstance(packed, TiledWeights) else UNITS
    scales: tuple[float, ...] = (1.0, 1.0)
    if isinstance(packed, PackedWeights):
        scales = _scales_of_means(largest, of_model if len(x) else 0.0, of_data if len(other) else 0.0)
    factors = np.array([*numbers, of_model / scales[0], of_data / scales[1], *scales], dtype=np.float32)
    centre, means = _Centre(offsets, weights, units), _room_for_means(len(x), len(other), weights.shape[1], packed)
    y, other_y = y.contiguous(), other_y.contiguous()
    addresses = (
        *(x.data_ptr(), len(x), other.data_ptr(), len(other), y.data_ptr(), other_y.data_ptr(), means.data_ptr()),
        *(weights.data_ptr(), 0 if velocity is None else velocity.data_ptr(), *weights.shape),
        *(factors.ctypes.data, units, *centre.addresses()),
    )
    if packed is None:
        run(compiled("float_descent").descend, *addresses)
    elif isinstance(packed, TiledWeights):
        run(compiled("tile_descent").descend_tiles, *addresses, packed.rows.data_ptr(), packed.columns.data_ptr())
    else:
        sizes, copies = np.empty(-(-len(weights) // units), dtype=np.uint32), (packed.rows, packed.columns)
        others = *(x.data_ptr() for x in copies), packed.scales.ctypes.data, sizes.ctypes.data
        run(compiled("word_descent").descend_rounded, *addresses, *others)
        packed.keep_up(weights)
    torch.autograd.graph.increment_version([x for x in (weights, velocity) if x is not None])
    return centre.corrections()


def _scales_of_means(largest: float, *factors: float) -> tuple[float, ...]:
    """Return the units in which means of both phases, times their factors, are whole numbers of 16 bits.

    The same where the factors are nearly, so that sums over both can be shared; a factor of 0 asks for none.
    """
    found = [largest * abs(factor) / LARGEST for factor in factors]
    most, least = max(found), min(x if x != 0 else max(found) for x in found)
    if most <= 2 * least:
        found = [most, most]
    return tuple(1.0 if x == 0 else x for x in found)


def _room_for_means(of_model: int, of_data: int, m: int, packed: PackedWeights | TiledWeights | None) -> Tensor:
    """Return room for the means of all cases in blocks; rounded, a phase begins with a word of its own."""
    if packed is None:
        return blocks(of_model + of_data, m)
    return blocks(pairs_of(of_model) + pairs_of(of_data), m, torch.int32)


@no_grad
def descend_layers(steps: list[LayerStep], numbers: Descent, scale: float = 1.0) -> None:
    """Change parameters of the layers and their velocities by a step along g = scale (model - data) - correction.

    A call of torch for each of these sums takes longer than all of them. Weight decay is not for these parameters.
    """
    factors = np.array([numbers.momentum, numbers.rate, scale], dtype=np.float32)
    table, kept = [], []
    for step in steps:
        parts = [*step[:2], *(None if part is None else part.contiguous() for part in step[2:])]
        kept.append(parts)  # named, since the kernel has their addresses
        table += [*(0 if part is None else part.data_ptr() for part in parts), step.parameter.numel()]
    run_alone(compiled("descent").descend_layers, factors.ctypes.data, len(steps), *table)
    changed = [part for step in steps for part in step[:2] if part is not None]
    torch.autograd.graph.increment_version(changed)


class _Centre:
    """Where a kernel finds the offsets, and leaves what the gradients of the biases need."""

    def __init__(self, offsets: Offsets | None, weights: Tensor, units: int) -> None:
        n, m = weights.shape
        self.offsets = None if offsets is None else [x.contiguous() for x in offsets]
        self.dots, self.sums = torch.empty(n), torch.empty(-(-n // units), m)

    def addresses(self) -> tuple[int, ...]:
        """Return five addresses, 0 without offsets."""
        if self.offsets is None:
            return (0,) * 5
        return tuple(x.data_ptr() for x in (*self.offsets, self.dots, self.sums))

    def corrections(self) -> tuple[Tensor, Tensor] | None:
        """Return g b (n,) and a g (m,) with offsets."""
        return None if self.offsets is None else (self.dots, self.sums[0])
