"""The closed form of the gradient: data statistics minus model statistics."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from harmonium.rbm import RBM
from harmonium.sampling import GibbsState


class Statistics(NamedTuple):
    """-dE/dparameter for every parameter of an RBM, averaged over some distribution of (v, h).

    Attributes
    ----------
    weights : Tensor, shape (n, m)
        The average of v h^T.
    visible, hidden : dict of str to Tensor
        The averages for the parameters of the two layers, by their names.
    """

    weights: Tensor
    visible: dict[str, Tensor]
    hidden: dict[str, Tensor]

    def mirror(self) -> Statistics:
        """Return the statistics of the model with its layers exchanged."""
        return Statistics(self.weights.T, self.hidden, self.visible)


@torch.no_grad()
def state_statistics(rbm: RBM, states: GibbsState, case_weights: Tensor | None = None) -> Statistics:
    """Average -dE/dparameter over visible states and, in closed form, over P(h | v).

    Parameters
    ----------
    rbm : RBM
        The model.
    states : GibbsState
        Visible states (cases, n), of data or of chains, with the fields that they send to the hidden layer.
    case_weights : Tensor, shape (cases,), optional
        Weights that sum to 1, where the cases do not all count alike.

    Returns
    -------
    Statistics
        The negative of the average dF(v)/dparameter.
    """
    visible, field = states
    mean_hidden = rbm.hidden.mean(field)
    return Statistics(
        rbm.coupling_statistics(visible, mean_hidden, case_weights),
        rbm.visible.statistics(visible, case_weights),
        rbm.hidden.expected_statistics(field, case_weights),
    )


@torch.no_grad()
def write_gradient(rbm: RBM, data: Statistics, model: Statistics, scale: float = 1.0) -> None:
    """Write the gradient of the *negative* mean log-likelihood, which an optimiser lowers, into each ``.grad``.

        -d log P / dparameter = <dF/dparameter>_data - <dF/dparameter>_model
                              = model statistics - data statistics

    Parameters
    ----------
    rbm : RBM
        The model whose ``.grad`` are written.
    data, model : Statistics
        The two terms.
    scale : float
        A factor on the whole gradient; training passes a small batch's share of a full one, so that every example of
        an epoch weighs the same.
    """
    _write(rbm.weights, data.weights, model.weights, scale)
    for layer, of_data, of_model in (
        (rbm.visible, data.visible, model.visible),
        (rbm.hidden, data.hidden, model.hidden),
    ):
        for name, parameter in layer.named_parameters():
            _write(parameter, of_data[name], of_model[name], scale)


def _write(parameter: nn.Parameter, data: Tensor, model: Tensor, scale: float) -> None:
    """Write scale (model - data) into the gradient of one parameter.

    The gradient has the strides of the parameter, whatever those of the statistics (a mirrored one is a transpose):
    torch's fused optimisers walk through both in the order of memory.
    """
    if parameter.grad is None:
        parameter.grad = torch.empty_like(parameter)
    torch.sub(model, data, out=parameter.grad).mul_(scale)
