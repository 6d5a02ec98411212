"""Samples of a model, asked for in scikit-learn's words."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import torch
from sklearn.utils import check_random_state, check_scalar
from torch import Tensor

from harmonium.rbm import RBM
from harmonium.sampling import dream, gibbs
from harmonium.sklearn.arrays import seed_of


def draw(rbm: RBM, n_samples: int, steps: int, random_state: Any) -> Tensor:
    """Return visible states (n_samples, n) of chains after `steps` Gibbs steps from noise.

    Raises
    ------
    TypeError, ValueError
        When a number is no whole number, or less than 1.
    """
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    check_scalar(steps, "steps", Integral, min_val=1)
    generator = torch.Generator().manual_seed(seed_of(check_random_state(random_state)))
    return dream(rbm, gibbs.init_from_noise(rbm, n_samples, generator), steps, generator).visible
