"""A plan that fits a time."""

from __future__ import annotations

import math
import time
from dataclasses import replace

from harmonium.data import Batches
from harmonium.errors import InputError
from harmonium.training.beginning import start
from harmonium.training.loop import update
from harmonium.training.materials import Materials
from harmonium.training.settings import Settings

TRIAL = 2.0
"""Seconds of updates that are timed, after a quarter of it to warm up."""

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
    trial = start(replace(settings, epochs=1_000_000), data)
    batches = Batches(data.train, data.preparation, trial.batch_size, settings.seed, trial.rbm.weights.device)
    begin = clock = time.perf_counter()
    timed, count = 0.0, 0
    while timed < TRIAL:
        for batch in batches.epoch(0, trial.generator):
            update(trial, batch)
            before, clock = clock, time.perf_counter()  # drawing the batch counts too
            if before - begin > TRIAL / 4:
                timed, count = timed + clock - before, count + 1
            if timed > TRIAL:
                break
    an_epoch = timed / count * len(batches)
    return replace(settings, epochs=max(1, int(SHARE * (60 * minutes - spent) / an_epoch)))
