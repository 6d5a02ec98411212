"""The model with its weights laid out for samplers: for sums of rows, or for the processor's matrix registers."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.kernels import (
    PackedWeights,
    TiledWeights,
    has_tiles,
    kernels_take,
    multiplies_bfloat16,
    packed_weights,
    usual_states,
)
from harmonium.kernels.backend import SMALLEST
from harmonium.kernels.tiled import takes_sweeps
from harmonium.rbm import RBM
from harmonium.units import Bernoulli, Units


class PackedRBM(RBM):
    """The same model, layers and weights shared, whose products read a copy of the weights laid out for speed.

    The products are those of float32, up to the order of summation and to the rounding of states less what is usual.
    Where the processor has matrix registers they make all products; elsewhere, rows of weights are added for states
    that are not as usual, and a dense product is torch's.

    Parameters
    ----------
    rbm : RBM
        The model; `gains(rbm)` says whether this is worth while.

    Attributes
    ----------
    packed : PackedWeights or TiledWeights
        The copy, made and brought up to date when it is asked for.
    """

    rounded = False

    def __init__(self, rbm: RBM) -> None:
        super().__init__(rbm.visible, rbm.hidden, weights=rbm.weights)
        self.weights = rbm.weights
        self._packed: PackedWeights | TiledWeights | None = None
        # Of the weights that each copy holds; in a dictionary, since a module's attributes are slow to set.
        self._versions: dict[str, tuple[int, int]] = {}

    def __getstate__(self) -> dict[str, object]:
        """Return what a copy of this model takes with it: its weights begin to count anew, so no copy of these."""
        return self.__dict__ | {"_packed": None, "_dense_copy": None, "_versions": {}}

    def _stamp(self) -> tuple[int, int]:
        """Return what changes with the weights, but not in fused steps."""
        return self.weights.data_ptr(), self.weights._version

    def refresh(self) -> None:
        """Take over the weights when they are next needed: after changes that torch does not count, as fused steps."""
        self._versions.clear()

    @property
    def packed(self) -> PackedWeights | TiledWeights:
        """The copy of the weights, up to date."""
        if self._packed is None:
            self._packed = packed_weights(self.weights.detach(), self.rounded)
        elif self._versions.get("packed") != self._stamp():
            self._packed.pack(self.weights.detach())
        self._versions["packed"] = self._stamp()
        return self._packed

    def hidden_field(self, visible: Tensor) -> Tensor:
        """W^T v, in the fastest way."""
        self.visible.check_width(visible, "the visible state")
        if has_tiles() and self._takes(visible):
            return self.packed.hidden_field(visible)
        if (usual := self._usual(visible)) is not None:
            return self.packed.hidden_field(visible, usual)
        return self._dense_product(visible, self._weights_for_dense())

    def visible_field(self, hidden: Tensor) -> Tensor:
        """W h, in the fastest way."""
        self.hidden.check_width(hidden, "the hidden state")
        if has_tiles() and self._takes(hidden):
            return self.packed.visible_field(hidden)
        if (usual := self._usual(hidden)) is not None:
            return self.packed.visible_field(hidden, usual)
        return self._dense_product(hidden, self._weights_for_dense().T)

    def sweep_between(
        self,
        hidden_field: Tensor,
        layers: tuple[Units, Units],
        scale: float,
        sweeps: int = 1,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Gibbs sweeps of the RBM with other layers, in one pass where matrix registers make the products."""
        if sweeps >= 1 and self._takes_sweeps(hidden_field, layers):
            packed, (below, above) = self.packed, (layer.get_parameter("bias").detach() for layer in layers)
            assert isinstance(packed, TiledWeights)
            return packed.sweep(hidden_field, (below, above), sweeps, generator, scale)
        return super().sweep_between(hidden_field, layers, scale, sweeps, generator)

    def _takes_sweeps(self, hidden_field: Tensor, layers: tuple[Units, Units]) -> bool:
        """Whether one kernel is to make these sweeps: binary units, and so many that samplers are kernels too.

        So what is drawn is the same either way, and does not depend on the number of threads.
        """
        if not has_tiles() or not all(type(layer) is Bernoulli for layer in layers) or not self._takes(hidden_field):
            return False
        cases, width = hidden_field.numel() // hidden_field.shape[-1], hidden_field.shape[-1]
        biases = (layer.get_parameter("bias").detach() for layer in layers)
        fewest = min(self.weights.shape)
        enough = width == self.hidden.size and cases * fewest >= SMALLEST
        return enough and takes_sweeps(cases, fewest) and kernels_take(hidden_field, *biases)

    def _usual(self, states: Tensor) -> Tensor | None:
        """Return what most states are, if rows for the others are to be added; None for a dense product."""
        return usual_states(states, self.rounded) if self._takes(states) and not has_tiles() else None

    def _takes(self, states: Tensor) -> bool:
        """Whether kernels can read these states and the weights, and no gradient is to flow through them."""
        if not states.numel() or (states.requires_grad and torch.is_grad_enabled()):
            return False
        return all(x.dtype == torch.float32 and x.is_contiguous() for x in (states, self.weights))

    def _weights_for_dense(self) -> Tensor:
        return self.weights.detach()

    @staticmethod
    def _dense_product(states: Tensor, weights: Tensor) -> Tensor:
        return (states.to(weights.dtype) @ weights).to(states.dtype)


class RoundedRBM(PackedRBM):
    """The model as samplers see it under mixed precision: its products read weights rounded to bfloat16.

    Binary states are exact in bfloat16 and sums are float32, so that a field is off by at most 2^-8 of the weights in
    it, and where dense products in bfloat16 are faster than in float32, also by 2^-9 of itself. Learning keeps its
    float32 weights; `refresh` takes them over after each step that does not do so itself.

    Attributes
    ----------
    packed : PackedWeights or TiledWeights
    dense : Tensor, shape (n, m), bfloat16
        The two copies, each brought up to date when it is asked for.
    """

    rounded = True
    _dense_copy: Tensor | None = None

    @property
    def dense(self) -> Tensor:
        """The copy of the weights for dense products."""
        if self._dense_copy is None:
            self._dense_copy = self.weights.detach().to(torch.bfloat16)
        elif self._versions.get("dense") != self._stamp():
            self._dense_copy.copy_(self.weights.detach())
        self._versions["dense"] = self._stamp()
        return self._dense_copy

    def stepped_with_packed(self) -> None:
        """Note that the weights have changed, and `packed` with them."""
        self.refresh()
        self._versions["packed"] = self._stamp()

    def stepped_with_dense(self) -> None:
        """Note that the weights have changed, and `dense` with them."""
        self.refresh()
        self._versions["dense"] = self._stamp()

    def _weights_for_dense(self) -> Tensor:
        return self.dense if multiplies_bfloat16() else self.weights.detach()


def packed_if_faster(rbm: RBM) -> RBM:
    """Return the model as it is, or packed where that makes its products faster; it must not change while in use."""
    return PackedRBM(rbm) if gains(rbm) and not isinstance(rbm, PackedRBM) else rbm


def gains(rbm: RBM) -> bool:
    """Whether adding rows pays: binary visible units, enough weights, compiled kernels."""
    return rbm.visible.unit_states() is not None and kernels_take(rbm.weights.detach())
