"""Sampling binary states: sigmoid, uniform number, comparison."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def sample_from_probability(probability: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw x ~ Bernoulli(probability), elementwise.

    ``torch.rand() < p`` rather than ``torch.bernoulli(p)``, which on the CPU is several times slower.

    Parameters
    ----------
    probability : Tensor, any shape, floating
        Values in [0, 1]; 0 always gives 0, and 1 always gives 1, since the uniform numbers lie in [0, 1).
    generator : torch.Generator, optional
        The source of randomness.

    Returns
    -------
    Tensor
        0 or 1, with the shape, dtype and device of `probability`.
    """
    uniform = torch.empty_like(probability).uniform_(generator=generator)
    return torch.lt(uniform, probability, out=uniform)


@torch.no_grad()
def sample_from_field(field: Tensor, bias: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw x ~ Bernoulli(sigmoid(field + bias)), elementwise.

    Parameters
    ----------
    field : Tensor, shape (..., n)
        What the other layer sends.
    bias : Tensor, shape (n,)
        The layer's own bias.
    generator : torch.Generator, optional
        The source of randomness.

    Returns
    -------
    Tensor, shape (..., n)
        0 or 1.
    """
    return sample_from_probability((field + bias).sigmoid_(), generator)
