"""A plan that fits a time."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from harmonium.data import Batches
from harmonium.errors import InputError
from harmonium.training.beginning import start
from harmonium.training.loop import update
from harmonium.training.materials import Materials
from harmonium.training.settings import Settings
from harmonium.training.state import TrainingState

TRIAL, WARM_UP = 2.0, 10
"""Seconds of updates that are timed, after so many updates and a quarter of the time to warm up."""

SHARE = 0.8
"""The share of the time that updates may take; measuring and saving take the rest."""


def fitted(settings: Settings, data: Materials, minutes: float, spent: float = 0.0) -> Settings:
    """Return the settings with as many epochs as updates of this kind fit into a time, at least one.

    A trial run on a model of its own is timed, so that the plan, and so the run, depends on the machine; what was
    planned is kept with the run, and resuming does not plan anew.

    Parameters
    ----------
    settings : Settings
    data : Materials
    minutes : float
        The time of a run, from its start.
    spent : float
        Seconds of it that are gone: reading the data takes some, and making distorted copies more.

    Raises
    ------
    InputError
        When the time is not positive.
    """
    if not (math.isfinite(minutes) and minutes > 0):
        raise InputError(f"minutes is {minutes:g}, but must be a positive number")
    begin, trial = time.perf_counter(), start(replace(settings, epochs=1_000_000), data)
    batches = Batches(data.train, data.preparation, trial.batch_size, settings.seed, trial.rbm.weights.device)
    drawn = itertools.chain.from_iterable(batches.epoch(epoch, trial.generator) for epoch in itertools.count())
    for batch in itertools.islice(drawn, WARM_UP):  # the first compile kernels
        update(trial, batch)
    _timed(trial, drawn, TRIAL / 4)
    an_epoch = _timed(trial, drawn, TRIAL) * len(batches)
    left = 60 * minutes - spent - (time.perf_counter() - begin)
    return replace(settings, epochs=max(1, int(SHARE * left / an_epoch)))


def _timed(trial: TrainingState, drawn: Iterator[Tensor], seconds: float) -> float:
    """Update for so long, at least once; return the seconds of an update and of drawing its batch."""
    begin, count = time.perf_counter(), 0
    for batch in drawn:
        update(trial, batch)
        count += 1
        if time.perf_counter() - begin > seconds:
            break
    return (time.perf_counter() - begin) / count
