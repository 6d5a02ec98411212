"""Averaged parameters: the model that is kept lags behind the one that learns, and is free of its noise."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from harmonium.rbm import RBM

EVERY = 10
"""Parameters are averaged after every so many updates: less work, and nothing lost where the decay is near 1."""


def averaged(rbm: RBM, decay: float) -> AveragedModel:
    """Return a model whose parameters are a moving average of these.

    The decay rises from 2/11 to the given one as 1 + n to 10 + n after n averages, so that the average of a short run
    is not that of its beginning.

    Parameters
    ----------
    rbm : RBM
        The model that learns.
    decay : float
        An update, below 1.
    """

    @torch.no_grad()
    def follow(averages: Sequence[Tensor], current: Sequence[Tensor], count: Tensor | int) -> None:
        weight = 1 - min(decay**EVERY, (1 + int(count)) / (10 + int(count)))
        for average, now in zip(averages, current, strict=True):
            average.lerp_(now, weight)

    return AveragedModel(rbm, multi_avg_fn=follow)
