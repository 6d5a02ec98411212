"""Sampling normal states."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def sample_normal(mean: Tensor, deviation: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw x ~ Normal(mean, deviation^2), elementwise.

    Parameters
    ----------
    mean : Tensor, shape (..., n)
    deviation : Tensor, broadcastable to `mean`
        Standard deviation, positive.
    generator : torch.Generator, optional
        The source of randomness.

    Returns
    -------
    Tensor, shape (..., n)
    """
    return torch.empty_like(mean).normal_(generator=generator).mul_(deviation).add_(mean)
