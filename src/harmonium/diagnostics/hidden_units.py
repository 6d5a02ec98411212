"""Hidden units that say nothing about the data."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from harmonium.rbm import RBM

LOW, HIGH = 0.05, 0.95
"""Of the range of a finite unit: a unit whose mean never exceeds the one, or never falls below the other."""

STILL = 0.01
"""Of a real-valued unit's own standard deviation: a unit whose mean varies by less."""


class HiddenUnits(NamedTuple):
    """How the hidden units respond to data.

    Attributes
    ----------
    dead : Tensor, shape (m,), bool
        Units that are off whatever is shown; where they are real-valued, that stay in one place.
    saturated : Tensor, shape (m,), bool
        Units that are on whatever is shown; never where they are real-valued.
    """

    dead: Tensor
    saturated: Tensor


@torch.no_grad()
def hidden_units(rbm: RBM, visible: Tensor) -> HiddenUnits:
    """Find the hidden units whose mean E[h_j | v] hardly depends on which example v is shown.

    Parameters
    ----------
    rbm : RBM
        The model.
    visible : Tensor, shape (cases, n)
        Examples.
    """
    field = rbm.hidden_field(visible.to(rbm.weights))
    mean, states = rbm.hidden.mean(field), rbm.hidden.unit_states()
    if states is None:
        still = mean.std(0, correction=0) < STILL * rbm.hidden.variance(field).mean(0).sqrt()
        return HiddenUnits(still, torch.zeros_like(still))
    share = (mean - states.min()) / (states.max() - states.min())
    return HiddenUnits(share.amax(0) < LOW, share.amin(0) > HIGH)
