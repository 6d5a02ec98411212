"""A network seen from the means of its units: the coordinates in which fine-tuning descends."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harmonium.kernels import sample_from_probability


class CentredNetwork:
    r"""A network whose layers see their inputs less the means of these.

        z_k = W_k (x_{k-1} - mu_{k-1}) + a_k,    a_k = b_k + W_k mu_{k-1}

    It computes what the network computes, but descent along W and a is not descent along W and b: a change of the
    weights no longer shifts all fields of a layer, which the biases would have to undo. What dropout leaves out takes
    its mean, and not 0, so that the fields of the next layer keep theirs.

    Parameters
    ----------
    network : nn.Sequential
        Of `to_torch`: linear layers, each perhaps after a dropout, and sigmoids. Its weights are shared, and follow at
        once; its biases follow at `fold`.
    inputs : Tensor, shape (cases, n)
        Where the means are measured first; floats.

    Attributes
    ----------
    weights, offsets : list of nn.Parameter
        W_k, shape (m_k, m_{k-1}), and a_k, shape (m_k,).

    Notes
    -----
    For networks: Schraudolph 1998, "Centering neural network gradient factors". RBMs are centred in the same way, with
    the visible and the hidden means: Montavon & Mueller 2012.
    """

    def __init__(self, network: nn.Sequential, inputs: Tensor) -> None:
        self.network = network
        self._linear = [layer for layer in network if isinstance(layer, nn.Linear)]
        self.weights = [layer.weight for layer in self._linear]
        self.offsets = [nn.Parameter(layer.bias.detach().clone()) for layer in self._linear]
        self._means = [torch.zeros_like(layer.weight[0], requires_grad=False) for layer in self._linear]
        self.recentre(inputs)

    @torch.no_grad()
    def recentre(self, inputs: Tensor) -> None:
        """Measure the means anew, on these inputs (cases, n); what the network computes stays as it is."""
        self.fold()
        number, x = 0, inputs
        for layer in self.network:
            if isinstance(layer, nn.Linear):
                self._means[number] = x.mean(0)
                self.offsets[number].copy_(layer.bias + layer.weight @ self._means[number])
                number += 1
            if not isinstance(layer, nn.Dropout):
                x = layer(x)

    @torch.no_grad()
    def fold(self) -> None:
        """Write the biases b = a - W mu into the network."""
        for layer, offset, mean in zip(self._linear, self.offsets, self._means, strict=True):
            layer.bias.copy_(offset - layer.weight @ mean)

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Pass forward, (cases, n) -> (cases, k); what dropout leaves out is drawn from the generator."""
        number, kept = 0, 1.0
        for layer in self.network:
            if isinstance(layer, nn.Dropout):
                kept = 1 - layer.p
            elif isinstance(layer, nn.Linear):
                x = x - self._means[number]
                if kept < 1:
                    x = x * sample_from_probability(torch.full_like(x, kept).detach(), generator) / kept
                x = nn.functional.linear(x, layer.weight, self.offsets[number])
                number, kept = number + 1, 1.0
            else:
                x = layer(x)
        return x
