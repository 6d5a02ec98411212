"""The gradient of one layer given the other: what a directed layer of a stack learns by."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.gradients.closed_form import grad_of
from harmonium.rbm import RBM
from harmonium.units import Units


@torch.no_grad()
def write_downward_gradient(rbm: RBM, visible: Tensor, hidden: Tensor) -> None:
    """Write the gradient of the negative mean log P(v | h) into ``.grad`` of the weights and the visible layer.

        d log P(v | h) / dW = (v - E[v | h]) h^T

    Parameters
    ----------
    rbm : RBM
    visible : Tensor, shape (cases, n)
        The states that ought to be more probable.
    hidden : Tensor, shape (cases, m)
        The states that they are given.
    """
    difference = _write_layer(rbm.visible, visible, rbm.visible_field(hidden))
    torch.mm(difference.T, hidden, out=grad_of(rbm.weights)).div_(-len(visible))


@torch.no_grad()
def write_upward_gradient(rbm: RBM, visible: Tensor, hidden: Tensor) -> None:
    """Write the gradient of the negative mean log P(h | v) into ``.grad`` of the weights and the hidden layer.

    d log P(h | v) / dW = v (h - E[h | v])^T
    """
    difference = _write_layer(rbm.hidden, hidden, rbm.hidden_field(visible))
    torch.mm(visible.T, difference, out=grad_of(rbm.weights)).div_(-len(visible))


def _write_layer(units: Units, states: Tensor, field: Tensor) -> Tensor:
    """Write the gradient of a layer's own parameters; return x - E[x | field]."""
    mean = units.mean(field)
    found, expected = units.statistics(states), units.expected_statistics(field, None, mean)
    for name, parameter in units.named_parameters():
        torch.sub(expected[name], found[name], out=grad_of(parameter))
    return states - mean
