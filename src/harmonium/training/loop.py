"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch

from harmonium.data import Batches
from harmonium.errors import InputError
from harmonium.gradients import Estimator, state_statistics
from harmonium.sampling import gibbs
from harmonium.training.averaging import EVERY
from harmonium.training.descent import Direction, take_step
from harmonium.training.materials import Materials
from harmonium.training.measure import measure
from harmonium.training.precision import products_on_gpu
from harmonium.training.prepared import prepared
from harmonium.training.record import Record
from harmonium.training.state import TrainingState

LARGEST = 1e6
"""No parameter of a model that learns is larger; NaN is not smaller either."""


def train(
    state: TrainingState,
    data: Materials,
    *,
    stop_after: int | None = None,
    after_update: Callable[[TrainingState], bool | None] | None = None,
) -> Iterator[Record]:
    """Train to the planned number of epochs, yielding a record after each, or after every few where there are many.

    Parameters
    ----------
    state : TrainingState
        Where the run stands; it is changed in place, and always stands between two updates when this yields or ends.
    data : Materials
        What to train on.
    stop_after : int, optional
        End after this many epochs, counted from now, before the planned end.
    after_update : callable, optional
        Called after every update with the state; training ends there if it returns True.

    Yields
    ------
    Record

    Raises
    ------
    InputError
        When the model has diverged.

    Examples
    --------
    >>> from harmonium.data import load
    >>> from harmonium.training import Settings, materials, start
    >>> settings = Settings(hidden=8, epochs=3, method="exact")
    >>> data = materials(load("bars-and-stripes:2x2"), settings)
    >>> [record.epoch for record in train(start(settings, data), data)]
    [1, 2, 3]
    """
    batches = Batches(data.train, data.preparation, state.batch_size, state.settings.seed, state.rbm.weights.device)
    last_epoch = state.epochs if stop_after is None else min(state.epochs, state.epochs_done + stop_after)
    examples, seconds_before = 0, state.seconds
    stopped = False
    while state.epochs_done < last_epoch and not (stopped or state.finished):
        epoch, position = divmod(state.update, len(batches))
        clock = time.perf_counter()
        for batch in batches.epoch(epoch, state.generator, position):
            update(state, batch)
            examples += len(batch)
            state.seconds += time.perf_counter() - clock
            stopped = after_update is not None and bool(after_update(state))
            clock = time.perf_counter()
            if stopped:
                break
        if state.update % len(batches) == 0 and _is_due(state):
            _check_not_diverged(state)
            record = measure(state, data, examples / (state.seconds - seconds_before))
            _check_not_diverged(state, record)
            examples, seconds_before = 0, state.seconds
            yield record


def _is_due(state: TrainingState) -> bool:
    """Whether a record is due after this epoch: by the plan alone, since patience listens to what is measured."""
    return state.epochs_done % state.record_every == 0 or state.epochs_done == state.epochs


def _check_not_diverged(state: TrainingState, record: Record | None = None) -> None:
    """Raise `InputError` when a parameter or a measurement is no longer finite, or a weight beyond all reason."""
    finite = all(bool((parameter.abs() < LARGEST).all()) for parameter in state.rbm.parameters())
    if record is not None:
        measured = (record.weight_norm, record.free_energy_data, record.free_energy_dreams, record.reconstruction_error)
        finite = finite and all(math.isfinite(value) for value in measured)
    if not finite:
        raise InputError(
            f"training diverged in epoch {state.epochs_done}: lower the learning rate (it is {state.learning_rate:g}), "
            "or standardise the data; what a run folder has of it is whole"
        )


def update(state: TrainingState, batch: torch.Tensor) -> None:
    """Change the model by one step on a batch (size, n): data term, model term, gradient, step."""
    estimator = grown(state)
    ready = prepared(state, estimator, batch)
    if ready is None or not ready.learn(state, batch):
        with torch.no_grad(), products_on_gpu(batch.device, state.settings.precision):
            _learn_in_parts(state, estimator, batch)
    chains = len(batch) if state.chains is None else len(state.chains.hidden_field)
    state.live.earn(2 * len(batch) + (2 * getattr(estimator, "steps", 1) + 1) * chains)
    if state.scheduler is not None:
        state.scheduler.step()
    state.update += 1
    if state.averages is not None and state.update % EVERY == 0:
        state.averages.update_parameters(state.rbm)


def _learn_in_parts(state: TrainingState, estimator: Estimator, batch: torch.Tensor) -> None:
    sampled, settings = state.sampled, state.settings
    states = gibbs.init(sampled, batch)
    model, state.persistent = estimator.model_statistics(sampled, states, state.persistent, state.generator)
    data = state_statistics(sampled, states)
    frame, state.kept = state.coordinates.frame(sampled, state.kept, states, data, model)
    # A last, smaller batch counts by its share, so that every example of an epoch weighs the same.
    scale = len(batch) / state.batch_size * getattr(state.persistent, "scale", 1.0)
    direction = Direction(data, model, scale, frame)
    state.activity = take_step(state.optimizer, state.rbm, sampled, direction, settings.penalties, state.activity)


def grown(state: TrainingState) -> Estimator:
    """Return the estimator with as many steps and chains as this update is to have."""
    settings, done = state.settings, state.update / (state.epochs * state.updates_per_epoch)
    changes = {}
    for name in ("steps", "chains"):
        first, final = getattr(settings, name), getattr(settings, f"final_{name}")
        if final is not None and hasattr(state.estimator, name):
            changes[name] = first + round(done * (final - first))
    return replace(state.estimator, **changes) if changes else state.estimator  # type: ignore[type-var]
