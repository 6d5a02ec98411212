"""The log-likelihood of a run or model file on data."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from harmonium.data import Cases, load, survey
from harmonium.errors import InputError
from harmonium.exact import enumerable_side
from harmonium.exact.enumeration import count_states
from harmonium.io import ModelFile
from harmonium.likelihood import (
    LogLikelihood,
    base_of_states,
    conservative_log_probability,
    log_likelihood,
    log_partition,
)
from harmonium.likelihood.annealed import with_trajectory
from harmonium.likelihood.evaluate import choose_method, count_steps
from harmonium.likelihood.exact import expected_seconds
from harmonium.progress import step_progress
from harmonium.rbm import RBM
from harmonium.seeds import EVALUATE, generator_for
from harmonium.training import Run, open_model
from harmonium.training.materials import SPLITS, named_part

Announce = Callable[[str], None]
"""Takes a sentence for the person."""

LONG = 10.0
"""Seconds from which on an enumeration is announced."""

CONSERVATIVE = 200
"""How many examples the conservative figure is taken from."""

TRAJECTORY = 500
"""Steps of the chains that climb from checkpoint to checkpoint of training."""


def evaluate_run(
    path: Path | str,
    data: str = "test",
    *,
    method: str = "auto",
    runs: int = 500,
    temperatures: int = 2000,
    seed: int = 0,
    data_dir: Path | str | None = None,
    announce: Announce = lambda message: None,
) -> LogLikelihood:
    """Estimate the mean log-likelihood of data under the model of a run folder or model file, under a progress bar.

    Parameters
    ----------
    path : path
        A run folder or a bare model file.
    data : str
        ``test``, ``validation`` or ``train`` of what the run was trained on, or a file. They are prepared (scaled,
        standardised, binarised) as the training data were, with a fixed seed.
    method, runs, temperatures
        As for `harmonium.likelihood.log_partition`.
    seed : int
        Decides all randomness.
    data_dir : path, optional
        Where mnist and fashion-mnist lie.
    announce : callable, optional
        Called with a sentence before an enumeration that takes long.

    Returns
    -------
    LogLikelihood
        Where the data were standardised, the density is that of the standardised values.

    Raises
    ------
    InputError
        When there is no such model or data, they do not fit each other, or the method does not fit the model.
    """
    path = Path(path)
    model = open_model(path)
    if runs < 20 or temperatures < 2:
        raise InputError(f"annealing needs at least 20 runs and 2 temperatures, not {runs} and {temperatures}")
    chosen = choose_method(model.rbm, method)
    generator = generator_for(seed, EVALUATE)
    visible = _prepared(model, _cases(path, data, data_dir), generator)
    if chosen == "exact":
        return _enumerated(model.rbm, visible, announce)
    examples = _training_examples(path, data_dir)
    ladder = Run(path).ladder() if path.is_dir() else None
    return _annealed(model.rbm, visible, examples, ladder, runs, temperatures, generator)


def _enumerated(rbm: RBM, visible: Tensor, announce: Announce) -> LogLikelihood:
    """Enumerate, and say beforehand how long it will take where that is long."""
    rbm.check_finite()
    seconds = expected_seconds(rbm)
    if seconds > LONG:
        announce(f"enumerating 2^{_bits(rbm):.0f} states will take about {_duration(seconds)}")
    with step_progress("enumerating", count_steps(rbm, "exact", 0)) as bar:
        partition = log_partition(rbm, "exact", progress=lambda: bar.advance(bar.task_ids[0]))
    return log_likelihood(rbm, visible, partition)


@torch.no_grad()
def _annealed(
    rbm: RBM,
    visible: Tensor,
    examples: Tensor | None,
    ladder: list[RBM] | None,
    runs: int,
    temperatures: int,
    generator: torch.Generator,
) -> LogLikelihood:
    """Anneal: log Z with its bracket, what a ladder of training says, and the conservative figure of some examples."""
    base = None if examples is None else base_of_states(rbm, examples)
    steps = count_steps(rbm, "ais", temperatures) + temperatures - 1 + (TRAJECTORY if ladder else 0)
    with step_progress("annealing", steps) as bar:

        def progress() -> None:
            bar.advance(bar.task_ids[0])

        partition = log_partition(
            rbm,
            "ais",
            base=base,
            generator=generator,
            examples=examples,
            runs=runs,
            temperatures=temperatures,
            progress=progress,
        )
        if ladder is not None:
            partition = with_trajectory(partition, ladder, generator, TRAJECTORY, progress)
        found = log_likelihood(rbm, visible, partition)
        some = visible[torch.randperm(len(visible), generator=generator)[:CONSERVATIVE]]
        below = conservative_log_probability(
            rbm, some, generator, base=base, temperatures=temperatures, progress=progress
        )
    # The gap to the estimate varies far less between examples than the log-likelihood itself, so the gap is averaged.
    gap = below + rbm.free_energy(some.to(rbm.weights)).double() + partition.value
    error = float(gap.std()) / len(gap) ** 0.5 if len(gap) > 1 else 0.0
    return replace(found, conservative=found.value + float(gap.mean()), conservative_error=error)


def _bits(rbm: RBM) -> float:
    """Return the logarithm to base 2 of the number of states that are enumerated."""
    return math.log2(count_states(enumerable_side(rbm).visible))


def _duration(seconds: float) -> str:
    """Say a time as a person would."""
    return f"{seconds:.0f} seconds" if seconds < 100 else f"{seconds / 60:.0f} minutes"


def _cases(path: Path, data: str, data_dir: Path | str | None) -> Cases:
    """Return the examples that were asked for, as stored."""
    if data not in SPLITS:
        return load(data, data_dir).train
    if not path.is_dir():
        raise InputError(f"{path} is a bare model file, whose data are not known: give a file with --data")
    run = Run(path)
    return named_part(run.dataset(data_dir), data, run.settings(), run.config()["validation"])


def _prepared(model: ModelFile, cases: Cases, generator: torch.Generator) -> Tensor:
    """Return the examples as the model would see them."""
    model.rbm.visible.check_width(cases.values, "the data")
    survey(cases, model.preparation, model.rbm.visible.check)
    pieces = [model.preparation.prepare(stored, generator) for _, stored in cases.chunks()]
    return torch.cat(pieces)


def _training_examples(path: Path, data_dir: Path | str | None) -> Tensor | None:
    """Return training examples of a run, for the base rates of annealing; None where they are not at hand."""
    if not path.is_dir():
        return None
    try:
        return Run(path).examples(data_dir)[0]
    except InputError:
        return None
