"""The step of the optimiser: in one pass over the weights where that can be, through ``.grad`` everywhere else."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from harmonium.gradients import Frame, Statistics, reframe, write_gradient
from harmonium.kernels import (
    Descent,
    LayerStep,
    Offsets,
    descend,
    descend_layers,
    descent_takes,
)
from harmonium.kernels.autograd import no_grad
from harmonium.packed import PackedRBM, RoundedRBM
from harmonium.rbm import RBM
from harmonium.training.penalties import Penalties
from harmonium.units import Bernoulli

Term = tuple[Tensor, Tensor, float]
"""Visible states, means of hidden units, and what their product counts."""


class Direction(NamedTuple):
    """What a step follows.

    Attributes
    ----------
    data, model : Statistics
        The two terms of the gradient.
    scale : float
        A factor on the whole gradient.
    frame : Frame, optional
        The coordinates in which it is taken.
    """

    data: Statistics
    model: Statistics
    scale: float = 1.0
    frame: Frame | None = None


@no_grad
def take_step(
    optimizer: torch.optim.Optimizer,
    rbm: RBM,
    sampled: RBM,
    direction: Direction,
    penalties: Penalties,
    activity: Tensor | None = None,
) -> Tensor | None:
    """Change the parameters by one step of the optimiser.

    torch's SGD, with or without momentum and weight decay, is carried out on the weights by a compiled kernel that
    multiplies out the gradient row by row, centres it and uses it at once; the result is that of torch up to rounding,
    and so is the optimiser's state. The first step, and every step of another optimiser or with a changed gradient,
    takes the usual way through ``.grad``.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Of `make_optimizer`: its first group holds the weights.
    rbm : RBM
        The model.
    sampled : RBM
        The same as samplers see it: a packed copy is kept up to date.
    direction : Direction
        Both terms of the gradient.
    penalties : Penalties
        What else counts.
    activity : Tensor, shape (m,), optional
        The measured activity of the hidden units.

    Returns
    -------
    Tensor or None
        The activity, moved on.
    """
    done = not penalties.change_gradient and _descend(optimizer, rbm, sampled, direction)
    if not done:
        write_gradient(rbm, direction.data, direction.model, direction.scale)
        if direction.frame is not None:
            reframe(rbm, direction.frame)
        activity = penalties.add(rbm, direction.data, activity)
        optimizer.step()
    if (penalties.bound(rbm) or not done) and isinstance(sampled, PackedRBM):
        sampled.refresh()
    return activity


def _descend(optimizer: torch.optim.Optimizer, rbm: RBM, sampled: RBM, direction: Direction) -> bool:
    """Take the step in one pass over the weights, their rounded copy included, if optimiser and states allow it."""
    data, model, scale, frame = direction
    velocity, rounded = velocity_of(optimizer, rbm.weights), isinstance(sampled, RoundedRBM)
    weighted = data.outer.weighted or model.outer.weighted
    if weighted or not is_plain_descent(optimizer, velocity):
        return False
    if frame is not None and frame.visible_variance is not None:
        return False
    if not all(parameter.is_contiguous() for parameter in optimizer.param_groups[1]["params"]):
        return False
    if not descent_takes(rbm.weights, rounded, model.outer.visible, data.outer.visible):
        return False
    of_model, of_data = (
        (x, y, sign * scale * factor) for (x, y, factor, _), sign in ((model.outer, 1), (data.outer, -1))
    )
    offsets = None if frame is None else offsets_of(data, model, frame, scale)
    packed = sampled.packed if isinstance(sampled, RoundedRBM) else None
    largest = 1.0 if type(rbm.hidden) is Bernoulli or packed is None else _largest((of_model, of_data), offsets)
    numbers = numbers_of(optimizer, 0)
    found = descend(rbm.weights, velocity, of_model, of_data, numbers, packed, offsets, largest)
    if isinstance(sampled, RoundedRBM):
        sampled.stepped_with_packed()
    descend_layers(layer_steps(optimizer, rbm, data, model, found), numbers_of(optimizer, 1), scale)
    return True


def _largest(terms: tuple[Term, ...], offsets: Offsets | None) -> float:
    """Return how far means, less their offsets, are from 0 at most."""
    means = (y if offsets is None else y - offsets.hidden for _, y, _ in terms)
    return float(torch.stack([y.abs().max() for y in means if y.numel()]).max())


def layer_steps(
    optimizer: torch.optim.Optimizer,
    rbm: RBM,
    data: Statistics,
    model: Statistics,
    corrections: tuple[Tensor, Tensor] | None,
) -> list[LayerStep]:
    """Return what the steps on the parameters of both layers need; centering corrects the gradients of their biases."""
    steps = []
    for layer, of_data, of_model, correction in (
        (rbm.visible, data.visible, model.visible, corrections and corrections[0]),
        (rbm.hidden, data.hidden, model.hidden, corrections and corrections[1]),
    ):
        for name, parameter in layer.named_parameters():
            velocity, own = velocity_of(optimizer, parameter), correction if name == "bias" else None
            steps.append(LayerStep(parameter, velocity, of_model[name], of_data[name], own))
    return steps


def numbers_of(optimizer: torch.optim.Optimizer, group_of: int) -> Descent:
    """Return weight decay, momentum and rate of the weights, group 0, or of all other parameters, group 1."""
    group = optimizer.param_groups[group_of]
    return Descent(group["weight_decay"], group["momentum"], float(group["lr"]))


def offsets_of(data: Statistics, model: Statistics, frame: Frame, scale: float = 1.0) -> Offsets:
    """Return what centering in the pass needs: offsets, and differences of means, which the bias's gradient is."""
    difference = torch.sub(model.hidden["bias"], data.hidden["bias"])
    return Offsets(frame.visible, frame.hidden, difference if scale == 1 else scale * difference)


def velocity_of(optimizer: torch.optim.Optimizer, parameter: torch.nn.Parameter) -> Tensor | None:
    """Return the momentum of a parameter; the optimiser makes it in its first step."""
    return optimizer.state[parameter].get("momentum_buffer") if parameter in optimizer.state else None


def is_plain_descent(optimizer: torch.optim.Optimizer, velocity: Tensor | None) -> bool:
    """Whether this is torch's SGD as the kernel knows it, and not its first step."""
    group = optimizer.param_groups[0]
    return (
        type(optimizer) is torch.optim.SGD
        and (velocity is None) == (group["momentum"] == 0)
        and not (group["nesterov"] or group["maximize"] or group["dampening"])
        and optimizer.param_groups[1]["weight_decay"] == 0
    )
