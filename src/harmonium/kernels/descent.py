"""A step of stochastic gradient descent on the weights, gradient and all, in one pass over them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from harmonium.kernels.autograd import no_grad
from harmonium.kernels.backend import compiled, kernels_take
from harmonium.kernels.products import LANES, UNITS, PackedWeights, blocks, is_sparse, pairs_of
from harmonium.kernels.threads import Argument, Call
from harmonium.kernels.tiled import TiledWeights

LARGEST = 2**15 - 1
"""The largest whole number of 16 bits."""

MODEL, DATA, OFFSETS = 0, 2, 13
"""Where a call has the visible states of both phases, and the first of three offsets."""


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
    step = WeightsDescent(weights, velocity, (y, of_model), (other_y, of_data), packed, largest)
    step.take(x, other, numbers)
    step.centre(offsets)
    step.call.run()
    step.note()
    return None if offsets is None else step.corrections


class WeightsDescent:
    """The steps that `descend` takes, with its parameters: made once, they can be taken again and again.

    Only visible states, numbers and offsets are given anew for each, before `call` is run and `note` called. With
    `of_bits`, for packed weights, these states are bits (`bits_for`).

    Attributes
    ----------
    call : Call
    corrections : (Tensor, Tensor)
        Where each centred step leaves what `descend` returns.
    """

    def __init__(
        self,
        weights: Tensor,
        velocity: Tensor | None,
        model: tuple[Tensor, float],
        data: tuple[Tensor, float],
        packed: PackedWeights | TiledWeights | None = None,
        largest: float = 1.0,
        of_bits: bool = False,
    ) -> None:
        (y, of_model), (other_y, of_data) = model, data
        (n, m), units = weights.shape, LANES if isinstance(packed, TiledWeights) else UNITS
        scales: tuple[float, ...] = (1.0, 1.0)
        if isinstance(packed, PackedWeights):
            scales = _scales_of_means(largest, of_model if len(y) else 0.0, of_data if len(other_y) else 0.0)
        self._numbers = np.array([0, 0, 0, of_model / scales[0], of_data / scales[1], *scales], dtype=np.float32)
        dots, sums = torch.empty(n), torch.empty(-(-n // units), m)
        self.corrections = dots, sums[0]
        self._changed, self._packed = [weights] if velocity is None else [weights, velocity], packed
        kernel, copies = _kernel_for(packed, len(sums), "_bits" if of_bits else "")
        phases = None, len(y), None, len(other_y), y.contiguous(), other_y.contiguous()
        means = _room_for_means(len(y), len(other_y), m, packed)
        rest = self._numbers, units, None, None, None, dots, sums, *copies
        self.call = Call(kernel, *phases, means, weights, velocity, n, m, *rest)

    def take(self, of_model: Tensor, of_data: Tensor, numbers: Descent) -> None:
        """Take visible states and numbers for the next step."""
        self.call[MODEL], self.call[DATA] = of_model, of_data
        self._numbers[:3] = numbers

    def centre(self, offsets: Offsets | None) -> None:
        """Take the offsets of the next step, if it is to be centred."""
        for k, offset in enumerate((None, None, None) if offsets is None else offsets):
            self.call[OFFSETS + k] = offset if offset is None else offset.contiguous()

    def note(self) -> None:
        """Let the copy of the weights and torch know that a step was taken."""
        if isinstance(self._packed, PackedWeights):
            self._packed.keep_up(self._changed[0])
        torch.autograd.graph.increment_version(self._changed)


def _kernel_for(
    packed: PackedWeights | TiledWeights | None, pieces: int, of_states: str
) -> tuple[Any, tuple[Argument, ...]]:
    """Return the kernel for copies of the weights of this kind, and what it is told of these."""
    if packed is None:
        return compiled("float_descent").descend, ()
    if isinstance(packed, TiledWeights):
        return getattr(compiled("tile_descent"), f"descend_tiles{of_states}"), (packed.rows, packed.columns)
    sizes = np.empty(pieces, dtype=np.uint32)
    kernel = getattr(compiled("word_descent"), f"descend_rounded{of_states}")
    return kernel, (packed.rows, packed.columns, packed.scales, sizes)


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
    step = LayersDescent(steps)
    step.take(numbers, scale)
    step.call.run()
    step.note()


class LayersDescent:
    """The steps that `descend_layers` takes: made once, they can be taken again and again."""

    def __init__(self, steps: list[LayerStep]) -> None:
        self._numbers, table = np.empty(3, dtype=np.float32), []
        for step in steps:
            averages = (None if part is None else part.contiguous() for part in step[2:])
            table += [*step[:2], *averages, step.parameter.numel()]
        self._changed = [part for step in steps for part in step[:2] if part is not None]
        self.call = Call(compiled("descent").descend_layers, self._numbers, len(steps), *table, alone=True)

    def take(self, numbers: Descent, scale: float = 1.0) -> None:
        """Take numbers for the next step."""
        self._numbers[:] = numbers.momentum, numbers.rate, scale

    def note(self) -> None:
        """Let torch know that a step was taken."""
        torch.autograd.graph.increment_version(self._changed)
