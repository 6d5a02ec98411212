"""The model with its weights laid out for samplers: rows of weights are added for the ones of sparse states."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.kernels import PackedWeights, dense_bfloat16, is_sparse, kernels_take
from harmonium.rbm import RBM


class PackedRBM(RBM):
    """The same model, layers and weights shared, whose products with sparse states read a copy of the weights.

    The products are exact up to the order of summation.

    Parameters
    ----------
    rbm : RBM
        The model; `gains(rbm)` says whether this is worth while.

    Attributes
    ----------
    packed : PackedWeights
        The copy; `refresh` takes the weights over after a change.
    """

    rounded = False

    def __init__(self, rbm: RBM) -> None:
        super().__init__(rbm.visible, rbm.hidden, weights=rbm.weights)
        self.weights = rbm.weights
        self.packed = PackedWeights(rbm.weights.detach(), self.rounded)

    @torch.no_grad()
    def refresh(self) -> None:
        """Take over the weights as they are now."""
        self.packed.pack(self.weights)

    def hidden_field(self, visible: Tensor) -> Tensor:
        """W^T v: rows of W added where v is sparse, a dense product elsewhere."""
        self.visible.check_width(visible, "the visible state")
        if self._takes(visible):
            return self.packed.hidden_field(visible)
        return self._dense(visible, self._weights_for_dense())

    def visible_field(self, hidden: Tensor) -> Tensor:
        """W h: columns of W added where h is sparse, a dense product elsewhere."""
        self.hidden.check_width(hidden, "the hidden state")
        if self._takes(hidden):
            return self.packed.visible_field(hidden)
        return self._dense(hidden, self._weights_for_dense().T)

    def _takes(self, states: Tensor) -> bool:
        return states.dtype == torch.float32 and states.is_contiguous() and is_sparse(states)

    def _weights_for_dense(self) -> Tensor:
        return self.weights.detach()

    @staticmethod
    def _dense(states: Tensor, weights: Tensor) -> Tensor:
        return (states.to(weights.dtype) @ weights).to(states.dtype)


class RoundedRBM(PackedRBM):
    """The model as samplers see it under mixed precision: its products read weights rounded to bfloat16.

    Binary states are exact in bfloat16 and sums are float32, so that a field is off by at most 2^-8 of the weights in
    it, and where dense products in bfloat16 are faster than in float32, also by 2^-9 of itself. Learning keeps its
    float32 weights; `refresh` takes them over after each step that does not do so itself.
    """

    rounded = True
    _half: tuple[int, Tensor] | None = None

    def refresh(self) -> None:
        """Take over the weights as they are now."""
        super().refresh()
        self._half = None  # torch's fused optimisers change weights without counting their version up

    def _weights_for_dense(self) -> Tensor:
        """Return the weights in bfloat16 where that is faster, rounded anew only after a change of them."""
        if not dense_bfloat16():
            return self.weights.detach()
        if self._half is None or self._half[0] != self.weights._version:
            self._half = self.weights._version, self.weights.detach().to(torch.bfloat16)
        return self._half[1]


def packed_if_faster(rbm: RBM) -> RBM:
    """Return the model as it is, or packed where that makes its products faster; it must not change while in use."""
    return PackedRBM(rbm) if gains(rbm) and not isinstance(rbm, PackedRBM) else rbm


def gains(rbm: RBM) -> bool:
    """Whether adding rows pays: binary visible units, enough weights, compiled kernels."""
    return rbm.visible.unit_states() is not None and kernels_take(rbm.weights.detach())
