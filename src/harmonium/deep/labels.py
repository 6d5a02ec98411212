"""An RBM with labels, seen without them: for one class, or for none."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from harmonium.errors import InputError
from harmonium.rbm import RBM
from harmonium.units import Bernoulli, Labelled


def given_label(rbm: RBM, label: int) -> RBM:
    r"""Return the RBM of P(v | y) for a class y: the weights of its label are added to the hidden biases.

        E(v, h | y) = E(v, h) + const,   hidden field = W^T v + U_y

    Parameters
    ----------
    rbm : RBM
        With `Labelled` visible units.
    label : int
        From 0 to one less than the number of classes.

    Raises
    ------
    InputError
        When it has no labels, or none of that number.
    """
    units = rbm.visible
    if not isinstance(units, Labelled):
        raise InputError("this model learned no labels: train a stack with --labels to dream of a class")
    if not 0 <= label < units.classes:
        raise InputError(f"the class is {label}, but must be from 0 to {units.classes - 1}")
    given = unlabelled(rbm)
    with torch.no_grad():
        given.hidden.get_parameter("bias").add_(rbm.weights[units.size - units.classes + label])
    return given


def unlabelled(rbm: RBM) -> RBM:
    """Return the RBM without its labels, their weights left out; an RBM that has none is returned as it is."""
    if not isinstance(rbm.visible, Labelled):
        return rbm
    width = rbm.visible.size - rbm.visible.classes
    visible = Bernoulli(width)
    visible.bias = nn.Parameter(rbm.visible.bias.detach()[:width].clone())
    return RBM(visible, copy.deepcopy(rbm.hidden), weights=rbm.weights.detach()[:width].clone()).requires_grad_(False)


def label_energies(rbm: RBM, visible: Tensor) -> Tensor:
    """F(v, y) for every class y, in nats: (cases, n - k) -> (cases, k).

    The classes' probabilities given v are the softmax of the negative.
    """
    units = rbm.visible
    assert isinstance(units, Labelled)
    width = units.size - units.classes
    field = visible @ rbm.weights[:width]
    plain = -(visible @ units.bias[:width])[:, None] - units.bias[width:]
    # Class by class: all at once would take as many copies of the fields.
    return plain - torch.stack([rbm.hidden.log_partition(field + own) for own in rbm.weights[width:]], -1)


def free_energy_without_labels(rbm: RBM, visible: Tensor) -> Tensor:
    """-log sum_y exp(-F(v, y)), or F(v) where there are no labels: (cases, n - k) -> (cases,)."""
    if not isinstance(rbm.visible, Labelled):
        return rbm.free_energy(visible)
    return -torch.logsumexp(-label_energies(rbm, visible), -1)


def with_labels(visible: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Return states with one-hot labels beside them: (cases, n), (cases,) -> (cases, n + classes)."""
    return torch.cat([visible, nn.functional.one_hot(labels.long(), classes).to(visible)], -1)
