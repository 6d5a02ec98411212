"""A run before its first update: what the settings leave open is decided, and everything is made."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import nn

from harmonium.errors import InputError
from harmonium.gradients import make_coordinates, make_estimator
from harmonium.rbm import RBM
from harmonium.seeds import TRAINING, WEIGHTS, generator_for
from harmonium.training.averaging import averaged
from harmonium.training.live import make_live
from harmonium.training.materials import Materials
from harmonium.training.optimizers import make_optimizer, make_scheduler
from harmonium.training.precision import as_sampled
from harmonium.training.rates import UPDATES, chosen_rate
from harmonium.training.settings import Settings
from harmonium.training.state import TrainingState
from harmonium.units import make_units

SMALL = 2**15
"""In models of at most so many weights trajectory tempering costs little."""


def start(settings: Settings, data: Materials, model: RBM | None = None) -> TrainingState:
    """Return the state before the first update.

    Weights are drawn from Normal(0, 0.01^2), the visible layer starts at the moments of the data (for Bernoulli units
    at log(p / (1 - p)) of the smoothed mean p) and the hidden biases where the settings say (Hinton 2010, sections
    8 and 8.1). Where a `model` is given it learns in place of a fresh one.

    Raises
    ------
    InputError
        When the batch size exceeds the number of training examples, or the device is not there.
    """
    settings = decided(settings, len(data.train), data.width)
    assert settings.method is not None
    assert settings.batch_size is not None
    assert settings.epochs is not None
    assert settings.learning_rate is not None
    device = choose_device(settings.device)
    rbm = (_fresh_model(settings, data) if model is None else model).to(device)
    sampled = as_sampled(rbm, settings.precision)
    estimator = make_estimator(settings.method, settings.steps, settings.chains, settings.learning_rate)
    generator = generator_for(settings.seed, TRAINING, device=device)
    optimizer = make_optimizer(
        rbm, settings.optimizer, settings.learning_rate, settings.weight_decay, settings.momentum
    )
    updates_per_epoch = math.ceil(len(data.train) / settings.batch_size)
    scheduler = make_scheduler(optimizer, settings.schedule, settings.epochs * updates_per_epoch)
    optimizer.step()  # without gradients it does nothing, but a schedule wants to see it called
    coordinates = make_coordinates(settings.gradient)
    return TrainingState(
        settings=settings,
        rbm=rbm,
        sampled=sampled,
        optimizer=optimizer,
        scheduler=scheduler,
        estimator=estimator,
        persistent=estimator.init(sampled, generator),
        coordinates=coordinates,
        kept=coordinates.init(rbm, data.found.mean, data.found.variance),
        generator=generator,
        updates_per_epoch=updates_per_epoch,
        averages=averaged(rbm, settings.averaging) if settings.averaging else None,
        live=make_live(rbm, settings, data.monitored_train),
    )


def check_start(settings: Settings, rbm: RBM) -> None:
    """Raise `InputError` when a model like this cannot be trained with these settings, or not on this machine."""
    device = choose_device(settings.device)
    if settings.precision == "mixed" and device.type == "cpu":
        as_sampled(rbm, settings.precision)
    if settings.method == "exact":
        make_estimator("exact").init(rbm, torch.Generator())


def decided(settings: Settings, cases: int, width: int) -> Settings:
    """Return the settings with method, batch size, epochs and learning rate chosen where they were left open.

    Raises
    ------
    InputError
        When the batch size exceeds the number of training examples.
    """
    method, batch_size = settings.method, settings.batch_size
    if method is None:
        small = width * settings.hidden <= SMALL and settings.final_chains is None
        method = "ptt" if small else "pcd"
    if batch_size is None:
        whole = method in ("cd", "exact")
        batch_size = min(100, cases) if whole or cases <= 100 else max(10, min(500, cases // 20))
    if batch_size > cases:
        raise InputError(f"the batch size is {batch_size}, but there are only {cases} training examples: lower it")
    epochs = settings.epochs
    per_epoch = math.ceil(cases / batch_size)
    if epochs is None:
        epochs = max(1, round(UPDATES / per_epoch))
    rate = settings.learning_rate or chosen_rate(settings, method, batch_size, epochs * per_epoch)
    return replace(settings, method=method, batch_size=batch_size, epochs=epochs, learning_rate=rate)


def _fresh_model(settings: Settings, data: Materials) -> RBM:
    """Return the model before learning."""
    visible = make_units(settings.visible, data.width)
    visible.match_moments(data.found.mean, data.found.variance, data.found.cases)
    hidden = make_units(settings.hidden_units, settings.hidden)
    nn.init.constant_(hidden.get_parameter("bias"), settings.hidden_bias or 0.0)
    return RBM(visible, hidden, generator=generator_for(settings.seed, WEIGHTS))


def choose_device(name: str) -> torch.device:
    """Return the device of that name; ``auto`` is cuda where there is one, else the CPU.

    Raises
    ------
    InputError
        When cuda is asked for and not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError("torch sees no cuda device here: use the device cpu")
    try:
        return torch.device(name)
    except RuntimeError:
        raise InputError(f"unknown device {name!r}: use cpu, cuda or auto") from None
