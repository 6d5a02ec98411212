"""The step of the optimiser: in one pass over the weights where that can be, through ``.grad`` everywhere else."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.gradients import Statistics, write_gradient, write_layer_gradients
from harmonium.kernels import Descent, PackedWeights, descend, descent_takes
from harmonium.packed import RoundedRBM
from harmonium.rbm import RBM


@torch.no_grad()
def take_step(
    optimizer: torch.optim.Optimizer, rbm: RBM, sampled: RBM, data: Statistics, model: Statistics, scale: float
) -> None:
    """Change the parameters by one step of the optimiser.

    torch's SGD with momentum, with or without weight decay, is carried out on the weights by a compiled kernel that
    multiplies out the gradient row by row and uses it at once; the result is that of torch up to rounding, and so is
    the optimiser's state. The first step, and every step of another optimiser, takes the usual way through ``.grad``.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Of `make_optimizer`: its first group holds the weights.
    rbm : RBM
        The model.
    sampled : RBM
        The same as samplers see it: a rounded copy is kept up to date.
    data, model : Statistics
        The two terms of the gradient.
    scale : float
        A factor on the whole gradient.
    """
    packed = sampled.packed if isinstance(sampled, RoundedRBM) else None
    if _descend(optimizer, rbm, packed, data, model, scale):
        return
    write_gradient(rbm, data, model, scale)
    optimizer.step()
    if isinstance(sampled, RoundedRBM):
        sampled.refresh()


def _descend(
    optimizer: torch.optim.Optimizer,
    rbm: RBM,
    packed: PackedWeights | None,
    data: Statistics,
    model: Statistics,
    scale: float,
) -> bool:
    """Take the step in one pass over the weights, their rounded copy included, if optimiser and states allow it."""
    group, velocity = optimizer.param_groups[0], _velocity(optimizer, rbm.weights)
    if velocity is None or not _is_plain_descent(optimizer):
        return False
    if not descent_takes(rbm.weights, velocity, model.outer.visible, data.outer.visible):
        return False
    terms = [(x, y, sign * scale * factor) for (x, y, factor), sign in ((model.outer, 1), (data.outer, -1))]
    numbers = Descent(group["weight_decay"], group["momentum"], float(group["lr"]))
    descend(rbm.weights, velocity, terms[0], terms[1], numbers, packed)
    write_layer_gradients(rbm, data, model, scale)
    _descend_layers(optimizer)
    return True


def _descend_layers(optimizer: torch.optim.Optimizer) -> None:
    """Take the step of the other parameters from their ``.grad``: a call of the optimiser costs more than the sums."""
    group = optimizer.param_groups[1]
    for parameter in group["params"]:
        velocity = _velocity(optimizer, parameter)
        assert velocity is not None and parameter.grad is not None
        velocity.mul_(group["momentum"]).add_(parameter.grad)
        parameter.add_(velocity, alpha=-float(group["lr"]))


def _velocity(optimizer: torch.optim.Optimizer, parameter: torch.nn.Parameter) -> Tensor | None:
    """Return the momentum of a parameter; the optimiser makes it in its first step."""
    return optimizer.state[parameter].get("momentum_buffer")


def _is_plain_descent(optimizer: torch.optim.Optimizer) -> bool:
    """Whether this is torch's SGD with momentum as the kernel knows it."""
    group = optimizer.param_groups[0]
    return (
        type(optimizer) is torch.optim.SGD
        and group["momentum"] > 0
        and not (group["nesterov"] or group["maximize"] or group["dampening"])
        and optimizer.param_groups[1]["weight_decay"] == 0
    )
