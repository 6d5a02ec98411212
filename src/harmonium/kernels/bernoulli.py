"""Means and samples of binary states: sigmoid, uniform number, comparison."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.kernels.autograd import no_grad
from harmonium.kernels.backend import compiled, kernels_take, key_of, shape_of
from harmonium.kernels.threads import run


def mean_of_field(field: Tensor, bias: Tensor) -> Tensor:
    """Return sigmoid(field + bias) = 1 / (1 + exp(-field - bias)), elementwise: (..., n), (n,) -> (..., n).

    Where the compiled kernels serve, off by at most 1e-5 of itself, or by 2^-126.
    """
    if field.shape[-1:] != bias.shape or not kernels_take(field, bias):
        return torch.sigmoid(field + bias)
    mean = torch.empty_like(field)
    run(compiled("samplers").mean_of_field, field, bias, mean, *shape_of(field))
    return mean


@no_grad
def sample_from_probability(probability: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw x ~ Bernoulli(probability), elementwise.

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

    Notes
    -----
    Where the compiled kernels serve (`backend.kernels_take`), one draw of the generator is the key of counter-based
    numbers; elsewhere they come from the generator itself, so that the two give different states for one seed.
    """
    if not kernels_take(probability):
        # Rather than torch.bernoulli(p), which on the CPU is several times slower.
        uniform = torch.empty_like(probability).uniform_(generator=generator)
        return torch.lt(uniform, probability, out=uniform)
    state = torch.empty_like(probability)
    kernel = compiled("samplers").sample_from_probability
    run(kernel, probability, state, *shape_of(probability), key_of(generator))
    return state


@no_grad
def sample_from_field(field: Tensor, bias: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw x ~ Bernoulli(sigmoid(field + bias)), elementwise.

    Parameters
    ----------
    field : Tensor, shape (..., n)
        What the other layer sends.
    bias : Tensor, shape (n,)
        The layer's own bias.
    generator : torch.Generator, optional
        The source of randomness, as for `sample_from_probability`.

    Returns
    -------
    Tensor, shape (..., n)
        0 or 1.
    """
    if not kernels_take(field, bias):
        return sample_from_probability((field + bias).sigmoid_(), generator)
    state = torch.empty_like(field)
    run(compiled("samplers").sample_from_field, field, bias, state, *shape_of(field), key_of(generator))
    return state


@no_grad
def sample_from_bytes(intensity: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw x ~ Bernoulli(intensity / 255), elementwise, as float32.

    Parameters
    ----------
    intensity : Tensor, any shape, uint8
    generator : torch.Generator, optional
        The source of randomness, as for `sample_from_probability`.
    """
    state = torch.empty(intensity.shape, dtype=torch.float32, device=intensity.device)
    if not (intensity.is_contiguous() and kernels_take(state)):
        return sample_from_probability(torch.div(intensity, 255, out=state), generator)
    kernel = compiled("samplers").sample_from_bytes
    run(kernel, intensity, state, *shape_of(intensity), key_of(generator))
    return state
