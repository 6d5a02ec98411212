"""Sampling normal states."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.kernels.autograd import no_grad
from harmonium.kernels.backend import compiled, kernels_take, key_of, shape_of
from harmonium.kernels.threads import run


@no_grad
def sample_normal(mean: Tensor, deviation: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw x ~ Normal(mean, deviation^2), elementwise.

    Parameters
    ----------
    mean : Tensor, shape (..., n)
    deviation : Tensor, shape (n,)
        Standard deviation, positive.
    generator : torch.Generator, optional
        The source of randomness.

    Returns
    -------
    Tensor, shape (..., n)

    Notes
    -----
    Where the compiled kernels serve (`backend.kernels_take`), one draw of the generator is the key of counter-based
    uniform numbers, and two of them make two normal ones (Box & Muller 1958, "A note on the generation of random normal
    deviates"); elsewhere they come from the generator itself, so that the two give different states for one seed.
    """
    if not kernels_take(mean, deviation):
        return torch.empty_like(mean).normal_(generator=generator).mul_(deviation).add_(mean)
    state = torch.empty_like(mean)
    run(compiled("samplers").sample_normal, mean, deviation, state, *shape_of(mean), key_of(generator))
    return state
