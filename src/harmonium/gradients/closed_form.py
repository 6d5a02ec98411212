"""The closed form of the gradient: data statistics minus model statistics."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from harmonium.kernels import binary_averages, kernels_take
from harmonium.kernels.autograd import no_grad
from harmonium.rbm import RBM
from harmonium.sampling import GibbsState
from harmonium.units import Bernoulli


class Outer(NamedTuple):
    """The average of v h^T over some cases, not multiplied out, so that a step can do so in its one pass over W.

    Attributes
    ----------
    visible : Tensor, shape (cases, n)
        Visible states, times the weights of the cases where these do not count alike.
    hidden : Tensor, shape (cases, m)
        Means of the hidden units.
    factor : float
        What the sum over the cases is multiplied by.
    weighted : bool
        Whether the visible states hold such weights; they are then no longer exact in 16 bits.
    """

    visible: Tensor
    hidden: Tensor
    factor: float
    weighted: bool = False

    def matrix(self) -> Tensor:
        """Return the average, (n, m)."""
        return self.visible.T @ self.hidden * self.factor


class Statistics(NamedTuple):
    """-dE/dparameter for every parameter of an RBM, averaged over some distribution of (v, h).

    Attributes
    ----------
    outer : Outer
        The average of v h^T, not multiplied out.
    visible, hidden : dict of str to Tensor
        The averages for the parameters of the two layers, by their names.
    """

    outer: Outer
    visible: dict[str, Tensor]
    hidden: dict[str, Tensor]

    @property
    def weights(self) -> Tensor:
        """The average of v h^T, (n, m)."""
        return self.outer.matrix()

    def mirror(self) -> Statistics:
        """Return the statistics of the model with its layers exchanged."""
        outer = Outer(self.outer.hidden, self.outer.visible, self.outer.factor, self.outer.weighted)
        return Statistics(outer, self.hidden, self.visible)


@no_grad
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
    if case_weights is None and _has_kernel(rbm, visible, field):
        mean, of_visible, of_hidden = binary_averages(visible, field, rbm.hidden.get_parameter("bias").detach())
        return Statistics(Outer(visible, mean, 1 / len(visible)), {"bias": of_visible}, {"bias": of_hidden})
    mean = rbm.hidden.mean(field)
    weighted = visible if case_weights is None else visible * case_weights[:, None]
    return Statistics(
        Outer(weighted, mean, 1 / len(visible) if case_weights is None else 1.0, case_weights is not None),
        rbm.visible.statistics(visible, case_weights),
        rbm.hidden.expected_statistics(field, case_weights, mean),
    )


def _has_kernel(rbm: RBM, visible: Tensor, field: Tensor) -> bool:
    """Whether one pass over visible states and fields gives all: binary layers, tensors that kernels take."""
    if not type(rbm.visible) is type(rbm.hidden) is Bernoulli:
        return False
    return kernels_take(visible, field, rbm.hidden.get_parameter("bias"))


@no_grad
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
    grad = grad_of(rbm.weights)
    for (visible, hidden, factor, _), sign in ((model.outer, 1), (data.outer, -1)):
        rbm.add_coupling_statistics(grad, visible, hidden, sign * scale * factor, beta=0 if sign == 1 else 1)
    for layer, of_data, of_model in (
        (rbm.visible, data.visible, model.visible),
        (rbm.hidden, data.hidden, model.hidden),
    ):
        for name, parameter in layer.named_parameters():
            gradient = torch.sub(of_model[name], of_data[name], out=grad_of(parameter))
            if scale != 1:
                gradient *= scale


def grad_of(parameter: nn.Parameter) -> Tensor:
    """Return ``.grad``, made if there is none, with the strides of the parameter.

    torch's fused optimisers walk through both in the order of memory.
    """
    if parameter.grad is None:
        parameter.grad = torch.empty_like(parameter)
    return parameter.grad
