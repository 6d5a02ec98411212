"""From stored values to visible states: scaling, standardising, binarising; and back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harmonium.errors import unknown_name
from harmonium.kernels import sample_from_bytes, sample_from_probability

BINARIZE = ("none", "sample", "threshold")
"""How intensities become binary states."""


@dataclass(frozen=True)
class Preparation:
    """What is done to a batch before the model sees it: (x / divisor - mean) / deviation, then binarised.

    Attributes
    ----------
    divisor : float
        255 for bytes, otherwise 1.
    binarize : {"sample", "threshold", "none"}
        ``sample``: each value is the probability of a 1, drawn anew each time. ``threshold``: 1 above one half.
    mean, deviation : Tensor, shape (n,), optional
        What standardising subtracts and divides by; both or neither.
    """

    divisor: float = 1.0
    binarize: str = "none"
    mean: Tensor | None = None
    deviation: Tensor | None = None

    def __post_init__(self) -> None:
        if self.binarize not in BINARIZE:
            raise unknown_name("way to binarize", self.binarize, BINARIZE)

    def scale(self, stored: Tensor) -> Tensor:
        """Return stored values as float32 model inputs, before any binarising: (cases, n) -> (cases, n)."""
        if self.mean is not None and self.deviation is not None:
            # In float64: a mean much larger than the deviation would leave float32 no digits of the difference.
            centred = stored.to(torch.float64) / self.divisor - self.mean.to(stored.device)
            return (centred / self.deviation.to(stored.device)).to(torch.float32)
        values = stored.to(torch.float32)
        return values if self.divisor == 1 else values / self.divisor

    def prepare(self, stored: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the visible states for stored values: (cases, n) -> (cases, n), float32."""
        if self.binarize == "sample" and self.divisor == 255 and stored.dtype == torch.uint8:
            return sample_from_bytes(stored, generator)
        values = self.scale(stored)
        if self.binarize == "sample":
            return sample_from_probability(values, generator)
        if self.binarize == "threshold":
            return (values > 0.5).to(values.dtype)
        return values

    def restore(self, visible: Tensor) -> Tensor:
        """Undo the standardising, so that dreams are in the units of the data; binarising cannot be undone."""
        if self.mean is None or self.deviation is None:
            return visible
        return visible * self.deviation.to(visible.device) + self.mean.to(visible.device)

    def describe(self) -> str:
        """Say in half a sentence what is done."""
        parts = []
        if self.divisor != 1:
            parts.append(f"values were divided by {self.divisor:g}")
        if self.mean is not None:
            parts.append("every column was standardised to mean 0 and variance 1")
        if self.binarize == "sample":
            parts.append("every value was drawn anew in each epoch as 0 or 1, its intensity the probability of a 1")
        if self.binarize == "threshold":
            parts.append("every value was set to 1 above one half and to 0 below")
        return " and ".join(parts) or "nothing was done to them"
