"""Independent samples from exactly P(v), for models small enough."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.exact.enumeration import enumerable_side, is_finite, layer_states
from harmonium.exact.normal import joint_normal
from harmonium.rbm import RBM


@torch.no_grad()
def exact_samples(rbm: RBM, count: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw independent visible states from P(v) itself, without a Markov chain.

    A finite layer is enumerated and sampled from its exact distribution, and where that is the hidden one, v follows
    from P(v | h). A Gaussian-Gaussian model is sampled through the Cholesky factor of its covariance.

    Parameters
    ----------
    rbm : RBM
        A model with a finite layer of at most 2^20 states, or with Gaussian units on both sides.
    count : int
        The number of samples.
    generator : torch.Generator, optional
        The source of randomness.

    Returns
    -------
    Tensor, shape (count, visible.size)

    Raises
    ------
    InputError
        When the model can be neither enumerated nor integrated.
    """
    if not (is_finite(rbm.visible) or is_finite(rbm.hidden)):
        joint = joint_normal(rbm)
        noise = torch.randn(count, len(joint.mean), dtype=joint.mean.dtype, generator=generator)
        both = joint.mean + noise @ torch.linalg.cholesky(joint.covariance).T
        return both[:, : rbm.visible.size]
    side = enumerable_side(rbm)
    states = layer_states(side.visible)
    # In float64: a cumulative sum of 2^20 probabilities in float32 is off by more than a chi-square test forgives.
    cumulative = torch.softmax(-side.free_energy(states).double(), 0).cumsum(0)
    uniform = torch.rand(count, dtype=torch.float64, generator=generator) * cumulative[-1]
    chosen = states[torch.searchsorted(cumulative, uniform, right=True).clamp_(max=len(states) - 1)]
    return chosen if side is rbm else rbm.sample_visible_given_hidden(chosen, generator)
