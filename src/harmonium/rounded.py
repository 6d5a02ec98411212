"""The model as samplers see it where mixed precision is faster: weights rounded to bfloat16."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.kernels import PackedWeights, is_sparse, kernels_take
from harmonium.rbm import RBM

LEAST = 2**16
"""Smaller models gain nothing."""


class RoundedRBM(RBM):
    """The same model, layers and weights shared, whose products read a copy of the weights rounded to bfloat16.

    Binary states are exact in bfloat16 and every sum is float32, so that a field is off by at most 2^-8 of the weights
    in it. Learning keeps its float32 weights; `refresh` takes them over after each step that does not do so itself.

    Parameters
    ----------
    rbm : RBM
        The model; `gains(rbm)` says whether this is worth while.

    Attributes
    ----------
    packed : PackedWeights
        The rounded copy.
    """

    def __init__(self, rbm: RBM) -> None:
        super().__init__(rbm.visible, rbm.hidden, weights=rbm.weights)
        self.weights = rbm.weights
        self.packed = PackedWeights(rbm.weights.detach())

    @torch.no_grad()
    def refresh(self) -> None:
        """Take over the weights as they are now."""
        self.packed.pack(self.weights)

    def hidden_field(self, visible: Tensor) -> Tensor:
        """W^T v, from the rounded weights where v is sparse, from the others elsewhere."""
        self.visible.check_width(visible, "the visible state")
        if visible.is_contiguous() and is_sparse(visible):
            return self.packed.hidden_field(visible)
        return visible @ self.weights.detach()

    def visible_field(self, hidden: Tensor) -> Tensor:
        """W h, from the rounded weights where h is sparse, from the others elsewhere."""
        self.hidden.check_width(hidden, "the hidden state")
        if hidden.is_contiguous() and is_sparse(hidden):
            return self.packed.visible_field(hidden)
        return hidden @ self.weights.detach().T


def gains(rbm: RBM) -> bool:
    """Whether sampling from the rounded model is faster: binary visible units, enough weights, compiled kernels."""
    return rbm.weights.numel() >= LEAST and rbm.visible.unit_states() is not None and kernels_take(rbm.weights.detach())
