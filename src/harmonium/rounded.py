"""The model as samplers see it where mixed precision is faster: weights rounded to bfloat16."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.kernels import PackedWeights, has_tiles, is_sparse, kernels_take, sparse_product
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
        self._tiles = has_tiles()

    @torch.no_grad()
    def refresh(self) -> None:
        """Take over the weights as they are now."""
        self.packed.pack(self.weights)

    def hidden_field(self, visible: Tensor) -> Tensor:
        """W^T v: rows are added for the ones of v, or multiplied where the processor has tiles for bfloat16."""
        self.visible.check_width(visible, "the visible state")
        if self._tiles:
            return (visible.to(torch.bfloat16) @ self.packed.rows).to(visible.dtype)
        if visible.is_contiguous() and is_sparse(visible):
            return sparse_product(visible, self.packed.rows)
        return visible @ self.weights.detach()

    def visible_field(self, hidden: Tensor) -> Tensor:
        """W h, rounded only where the processor has tiles: hidden states are too dense for rows to be added."""
        self.hidden.check_width(hidden, "the hidden state")
        if self._tiles:
            return (hidden.to(torch.bfloat16) @ self.packed.rows.T).to(hidden.dtype)
        return hidden @ self.weights.detach().T


def gains(rbm: RBM) -> bool:
    """Whether sampling from the rounded model is faster: binary visible units, enough weights, compiled kernels."""
    return rbm.weights.numel() >= LEAST and rbm.visible.unit_states() is not None and kernels_take(rbm.weights.detach())
