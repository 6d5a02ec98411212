"""From a stack to a classifier: the way up, unrolled to plain PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harmonium.deep.dbn import DBN
from harmonium.deep.labels import unlabelled
from harmonium.errors import InputError
from harmonium.rbm import RBM
from harmonium.units import Labelled


def to_torch(dbn: DBN | RBM, classes: int = 0, dropout: float = 0.0, input_dropout: float = 0.0) -> nn.Sequential:
    r"""Unroll the way up to a network that any PyTorch code can train: ``Linear, Sigmoid, Linear, Sigmoid, ...``.

        x_{k+1} = E[h | v = x_k],   and with classes at the end logits = U x_L + bias

    Parameters
    ----------
    dbn : DBN or RBM
        The stack; the network has copies of its parameters.
    classes : int
        With classes, a last linear layer gives their logits. It begins as the weights of the labels where the stack
        learned as many, and small and random otherwise.
    dropout, input_dropout : float
        Probability with which a hidden unit, or an input, is left out in training; 0 for no such layer.

    Returns
    -------
    torch.nn.Sequential
        Takes prepared inputs (cases, n), intensities not binarised.

    Raises
    ------
    InputError
        When a probability is not in [0, 1), or there is just one class.

    Examples
    --------
    >>> from harmonium.units import Bernoulli
    >>> to_torch(DBN([RBM(Bernoulli(6), Bernoulli(4)), RBM(Bernoulli(4), Bernoulli(3))]), classes=2)
    Sequential(
      (0): Linear(in_features=6, out_features=4, bias=True)
      (1): Sigmoid()
      (2): Linear(in_features=4, out_features=3, bias=True)
      (3): Sigmoid()
      (4): Linear(in_features=3, out_features=2, bias=True)
    )

    Notes
    -----
    Sources: Hinton & Salakhutdinov 2006; for dropout, Hinton, Srivastava, Krizhevsky, Sutskever & Salakhutdinov 2012.
    """
    for rate in (dropout, input_dropout):
        if not 0 <= rate < 1:
            raise InputError(f"the dropout is {rate:g}, but must be at least 0 and below 1")
    if classes == 1 or classes < 0:
        raise InputError(f"a classifier needs at least 2 classes, not {classes}")
    stack = dbn if isinstance(dbn, DBN) else DBN([dbn])
    layers: list[nn.Module] = [nn.Dropout(input_dropout)] if input_dropout else []
    for rbm in (*stack.recognition, unlabelled(stack.top)):
        layers += _unrolled(rbm)
        layers += [nn.Dropout(dropout)] if dropout and classes else []
    if classes:
        layers.append(_logits(stack.top, classes))
    return nn.Sequential(*layers)


@torch.no_grad()
def _unrolled(rbm: RBM) -> list[nn.Module]:
    """Return modules that compute E[h | v]."""
    zero = rbm.weights.new_zeros(rbm.hidden.size)
    if rbm.hidden.unit_states() is None:  # the mean of a Gaussian unit is its field, times the variance, and more
        return [_linear(rbm.weights * rbm.hidden.variance(zero), rbm.hidden.mean(zero))]
    return [_linear(rbm.weights, rbm.hidden.get_parameter("bias")), nn.Sigmoid()]


@torch.no_grad()
def _logits(top: RBM, classes: int) -> nn.Linear:
    """Return the last layer."""
    if isinstance(top.visible, Labelled) and top.visible.classes == classes:
        return _linear(top.weights[-classes:].T, top.visible.bias[-classes:])
    generator = torch.Generator().manual_seed(0)
    small = 0.01 * torch.randn(top.hidden.size, classes, generator=generator)
    return _linear(small, torch.zeros(classes))


def _linear(weights: Tensor, bias: Tensor) -> nn.Linear:
    """Return x -> x W + b."""
    layer = nn.Linear(*weights.shape)
    layer.weight = nn.Parameter(weights.detach().float().T.contiguous().clone())
    layer.bias = nn.Parameter(bias.detach().float().clone())
    return layer


@torch.no_grad()
def randomize(network: nn.Sequential, generator: torch.Generator) -> None:
    """Draw all weights anew, uniform and four times as wide as for tanh, and set the biases to 0.

    Source: Glorot & Bengio 2010; the factor for sigmoid units, Bengio 2012, section 3.2.
    """
    for layer in network:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight, gain=4.0, generator=generator)
            layer.bias.zero_()


def as_floats(inputs: Tensor) -> Tensor:
    """Return inputs for a network; bytes are divided by 255."""
    return inputs.float() / 255 if inputs.dtype == torch.uint8 else inputs


@torch.no_grad()
def probabilities(network: nn.Sequential, inputs: Tensor) -> Tensor:
    """Return the probability of every class: (cases, n) -> (cases, classes)."""
    network.eval()
    return torch.cat([torch.softmax(network(as_floats(piece)), 1) for piece in inputs.split(2000)])


def error_of(network: nn.Sequential, inputs: Tensor, classes: Tensor) -> float:
    """Return the share of examples whose most probable class is not theirs."""
    return float((probabilities(network, inputs).argmax(1) != classes).double().mean())
