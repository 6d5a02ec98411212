"""The model with its weights laid out for samplers: for sums of rows, or for the processor's matrix registers."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.kernels import (
    PackedWeights,
    TiledWeights,
    has_tiles,
    is_binary,
    kernels_take,
    multiplies_all,
    multiplies_pairs,
    packed_weights,
    usual_states,
)
from harmonium.kernels.backend import SMALLEST
from harmonium.rbm import RBM
from harmonium.units import Bernoulli, Units


class PackedRBM(RBM):
    """The same model, layers and weights shared, whose products read a copy of the weights laid out for speed.

    The products are those of float32, up to the order of summation and to the rounding of states less what is usual.
    Where the processor has matrix registers they make all products; elsewhere, rows of weights are added for states
    that are not as usual, and a dense product is torch's, but for binary states and rounded weights.

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
        self._held: tuple[int, int] | None = None  # of the weights that the copy holds

    def __getstate__(self) -> dict[str, object]:
        """Return what a copy of this model takes with it: its weights begin to count anew, so no copy of these."""
        return self.__dict__ | {"_packed": None, "_held": None}

    def _stamp(self) -> tuple[int, int]:
        """Return what changes with the weights, but not in fused steps."""
        return self.weights.data_ptr(), self.weights._version

    def refresh(self) -> None:
        """Take over the weights when they are next needed: after changes that torch does not count, as fused steps."""
        self._held = None

    @property
    def packed(self) -> PackedWeights | TiledWeights:
        """The copy of the weights, up to date."""
        if self._packed is None:
            self._packed = packed_weights(self.weights.detach(), self.rounded)
        elif self._held != self._stamp():
            self._packed.pack(self.weights.detach())
        else:
            return self._packed
        self._held = self._stamp()
        return self._packed

    def hidden_field(self, visible: Tensor) -> Tensor:
        """W^T v, in the fastest way."""
        self.visible.check_width(visible, "the visible state")
        gains, usual = self._gains(visible)
        return self.packed.hidden_field(visible, usual) if gains else self._dense_product(visible, self.weights)

    def visible_field(self, hidden: Tensor) -> Tensor:
        """W h, in the fastest way."""
        self.hidden.check_width(hidden, "the hidden state")
        gains, usual = self._gains(hidden)
        return self.packed.visible_field(hidden, usual) if gains else self._dense_product(hidden, self.weights.T)

    def sweep_between(
        self,
        hidden_field: Tensor,
        layers: tuple[Units, Units],
        scale: float,
        sweeps: int = 1,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Gibbs sweeps of the RBM with other layers, in one pass where a kernel draws states and multiplies them.

        So are those of binary units, and of so many that samplers are kernels too: what is drawn is the same either
        way, and does not depend on the number of threads.
        """
        cases, fewest = hidden_field.numel() // max(hidden_field.shape[-1], 1), min(self.weights.shape)
        if sweeps >= 1 and cases * fewest >= SMALLEST and all(type(layer) is Bernoulli for layer in layers):
            below, above = (layer.get_parameter("bias").detach() for layer in layers)
            fits = hidden_field.shape[-1] == self.hidden.size and self._takes(hidden_field)
            if fits and kernels_take(hidden_field, below, above):
                sweeper = self.packed.sweeper()
                if sweeper is not None and sweeper.takes(cases, fewest):
                    return sweeper.sweep(hidden_field, (below, above), sweeps, generator, scale)
        return super().sweep_between(hidden_field, layers, scale, sweeps, generator)

    def _gains(self, states: Tensor) -> tuple[bool, Tensor | None]:
        """Whether a product is to read the copy of the weights, and what most states are, if rows are to be added."""
        if not self._takes(states) or has_tiles():
            return has_tiles() and self._takes(states), None
        whole = self.rounded and multiplies_pairs() and is_binary(states)
        usual = None if whole and multiplies_all() else usual_states(states)
        return whole or usual is not None, usual

    def _takes(self, states: Tensor) -> bool:
        """Whether kernels can read these states and the weights, and no gradient is to flow through them."""
        if not states.numel() or (states.requires_grad and torch.is_grad_enabled()):
            return False
        return all(x.dtype == torch.float32 and x.is_contiguous() for x in (states, self.weights))

    @staticmethod
    def _dense_product(states: Tensor, weights: Tensor) -> Tensor:
        return states @ weights.detach()


class RoundedRBM(PackedRBM):
    """The model as samplers see it under mixed precision: its products read weights rounded to 16 bits.

    Where the processor has matrix registers, to bfloat16: a field is off by at most 2^-8 of the weights in it. Other
    processors have whole numbers that count by a common scale (`PackedWeights`): each is off by 2^-15 of the largest.
    Binary states are exact, and sums are float32. What is not binary and not sparse is multiplied with the weights as
    they are. Learning keeps its float32 weights; `refresh` takes them over after each step that does not do so itself.
    """

    rounded = True

    def stepped_with_packed(self) -> None:
        """Note that the weights have changed, and `packed` with them."""
        self._held = self._stamp()


def packed_if_faster(rbm: RBM) -> RBM:
    """Return the model as it is, or packed where that makes its products faster; it must not change while in use."""
    return PackedRBM(rbm) if gains(rbm) and not isinstance(rbm, PackedRBM) else rbm


def rounded_if_faster(rbm: RBM) -> RBM:
    """Return the model as training samples it where nobody says in which precision; it must not change while in use."""
    return RoundedRBM(rbm) if gains(rbm) and multiplies_pairs() else packed_if_faster(rbm)


def gains(rbm: RBM) -> bool:
    """Whether adding rows pays: binary visible units, enough weights, compiled kernels."""
    return rbm.visible.unit_states() is not None and kernels_take(rbm.weights.detach())
