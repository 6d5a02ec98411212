"""The learning rate where nobody gives one."""

from __future__ import annotations

import math

from harmonium.training.settings import Settings

PLAIN, ADAPTIVE = 0.01, 0.001
"""Of sgd, and of every other optimiser, which scales its steps itself."""

AVERAGED = 0.3
"""Of sgd whose parameters are averaged: the average forgives what a large rate does to each of them."""

LARGE_BATCH, UPDATES = 500, 16_000
"""Persistent chains follow a rate of 1 where so many examples make a batch, for so many updates.

Of so many is a run, about, where nobody says for how long to train.
"""

UNBOUNDED = 0.1
"""By how much rates are multiplied where a layer is Gaussian, whose states have no bound."""


def chosen_rate(settings: Settings, method: str, batch_size: int, updates: int) -> float:
    """Return the learning rate that suits the other settings.

        0.3 to 1 (batch size / 500)  times  min(1, sqrt(16,000 / updates))     for averaged sgd with persistent chains

    Parameters
    ----------
    settings : Settings
    method : str
        How the model term is estimated.
    batch_size : int
        Examples an update.
    updates : int
        As many are planned.

    Notes
    -----
    That a rate may grow with the batch is the rule of Goyal et al. 2017, "Accurate, large minibatch SGD", section 2.1;
    that it ought to fall with the square root of their number, of Nemirovski et al. 2009, "Robust stochastic
    approximation approach to stochastic programming", section 2.2. Both were held against validation likelihoods.
    Trajectory tempering keeps to the smaller one: its models are not to part from the last checkpoint too quickly.
    """
    if settings.visible == "gaussian" or settings.hidden_units == "gaussian":
        return UNBOUNDED * _plain(settings)
    if settings.optimizer == "sgd" and settings.averaging and method == "pcd":
        by_batch = max(AVERAGED, min(1.0, batch_size / LARGE_BATCH))
        return round(by_batch * min(1.0, math.sqrt(UPDATES / updates)), 3)
    return _plain(settings)


def _plain(settings: Settings) -> float:
    """Return the rate for bounded units, whatever the batch."""
    if settings.optimizer != "sgd":
        return ADAPTIVE
    return AVERAGED if settings.averaging else PLAIN
