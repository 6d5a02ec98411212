"""What all layers of states 0 and 1 share: an energy that is linear in them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harmonium.units.base import Units, case_mean


class Binary(Units):
    r"""Units whose states are 0 and 1, whatever keeps them together.

        E(x) = -bias . x

    Parameters
    ----------
    size : int
        The number of units.

    Attributes
    ----------
    bias : Parameter, shape (n,)
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.bias = nn.Parameter(torch.zeros(size))

    def energy(self, x: Tensor) -> Tensor:
        """E(x) = -bias . x: (..., n) -> (...)."""
        return -(x @ self.bias)

    def unit_energy(self, x: Tensor) -> Tensor:
        """-bias_i x_i: (..., n) -> (..., n)."""
        return -(x * self.bias)

    def variance(self, field: Tensor) -> Tensor:
        """P (1 - p) of each unit on its own: (..., n) -> (..., n)."""
        mean = self.mean(field)
        return mean * (1 - mean)

    def statistics(self, x: Tensor, case_weights: Tensor | None = None) -> dict[str, Tensor]:
        """-dE/dbias = x, averaged over cases."""
        return {"bias": case_mean(x, case_weights)}

    def expected_statistics(
        self, field: Tensor, case_weights: Tensor | None = None, mean: Tensor | None = None
    ) -> dict[str, Tensor]:
        """-dE/dbias = x, averaged over p(x | field) and over cases."""
        return {"bias": case_mean(self.mean(field) if mean is None else mean, case_weights)}

    def unit_states(self) -> Tensor:
        """0 and 1."""
        return torch.tensor([0.0, 1.0], dtype=self.bias.dtype, device=self.bias.device)
