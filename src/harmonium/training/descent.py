"""The step of the optimiser: in one pass over the weights where that can be, through ``.grad`` everywhere else."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.gradients import Statistics, write_gradient, write_layer_gradients
from harmonium.kernels import Descent, descend, descent_takes
from harmonium.rbm import RBM
from harmonium.rounded import RoundedRBM


@torch.no_grad()
def take_step(
    optimizer: torch.optim.Optimizer, rbm: RBM, sampled: RBM, data: Statistics, model: Statistics, scale: float
) -> None:
    """Change the parameters by one step of the optimiser.

    torch's SGD with momentum, with or without weight decay, is carried out on the weights by a compiled kernel that
    multiplies out the gradient row by row and uses it at once; the result is that of torch up to rounding, and so is
    the optimiser's state. Parameters of the layers, and all of them with another optimiser, take the usual way.

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
    if not _descend(optimizer, rbm, data, model, scale):
        write_gradient(rbm, data, model, scale)
        optimizer.step()
    if isinstance(sampled, RoundedRBM):
        sampled.refresh()


def _descend(optimizer: torch.optim.Optimizer, rbm: RBM, data: Statistics, model: Statistics, scale: float) -> bool:
    """Take the step in one pass over the weights, if the optimiser and the states allow it."""
    if not _is_plain_descent(optimizer):
        return False
    group, velocity = optimizer.param_groups[0], _velocity(optimizer, rbm.weights)
    if not descent_takes(rbm.weights, velocity, model.outer.visible, data.outer.visible):
        return False
    rbm.weights.grad = None  # so that the optimiser passes the weights over
    terms = [(x, y, sign * scale * factor) for (x, y, factor), sign in ((model.outer, 1), (data.outer, -1))]
    numbers = Descent(group["weight_decay"], group["momentum"], float(group["lr"]))
    descend(rbm.weights, velocity, terms[0], terms[1], numbers)
    write_layer_gradients(rbm, data, model, scale)
    optimizer.step()
    return True


def _velocity(optimizer: torch.optim.Optimizer, parameter: torch.nn.Parameter) -> Tensor:
    """Return the momentum of a parameter, 0 before the first step; torch starts at the gradient, which is the same."""
    state = optimizer.state[parameter]
    if state.get("momentum_buffer") is None:
        state["momentum_buffer"] = torch.zeros_like(parameter)
    return state["momentum_buffer"]


def _is_plain_descent(optimizer: torch.optim.Optimizer) -> bool:
    """Whether this is torch's SGD with momentum as the kernel knows it."""
    group = optimizer.param_groups[0]
    return (
        type(optimizer) is torch.optim.SGD
        and group["momentum"] > 0
        and not (group["nesterov"] or group["maximize"] or group["dampening"])
    )
