"""The log-likelihood of data under a stack: its variational bound, and an estimate beyond it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from harmonium.data import Cases, load
from harmonium.data.survey import survey
from harmonium.deep import StackFile, StackRun, bound_and_estimate, with_labels
from harmonium.errors import InputError
from harmonium.likelihood import LogLikelihood, LogPartition, base_of_states, log_partition
from harmonium.likelihood.evaluate import choose_method, count_steps, of_scores
from harmonium.progress import step_progress
from harmonium.seeds import EVALUATE, generator_for
from harmonium.training.materials import SPLITS, named_part, split

EXAMPLES = 1000
"""So many training examples make the base of annealing."""


class StackLikelihood(NamedTuple):
    """The log-likelihood of examples under a stack, in nats an example.

    Attributes
    ----------
    bound : LogLikelihood
        The variational bound: with the bracket of the top's log Z, its `lower` lies below the log-likelihood.
    estimate : LogLikelihood
        The importance-weighted estimate of the log-likelihood: in expectation between the bound and the truth.
    samples : int
        Samples of the layers above for each example.
    """

    bound: LogLikelihood
    estimate: LogLikelihood
    samples: int


def evaluate_stack(
    path: Path | str,
    data: str = "test",
    *,
    method: str = "auto",
    runs: int = 500,
    temperatures: int = 2000,
    samples: int = 50,
    seed: int = 0,
    data_dir: Path | str | None = None,
) -> StackLikelihood:
    """Estimate the mean log-likelihood of data under a stack, under a progress bar.

    Parameters
    ----------
    path : path
        The folder of the stack.
    data : str
        ``test``, ``validation`` or ``train`` of what it was trained on, or a file.
    method, runs, temperatures
        Of log Z of the top RBM, as for `harmonium.likelihood.log_partition`.
    samples : int
        Samples from Q for each example, at least 1.
    seed : int
        Decides all randomness.
    data_dir : path, optional
        Where mnist and fashion-mnist lie.

    Raises
    ------
    InputError
        When there is no such stack or data, they do not fit each other, or a number is out of range.
    """
    if samples < 1:
        raise InputError(f"samples is {samples}, but must be at least 1")
    if runs < 20 or temperatures < 2:
        raise InputError(f"annealing needs at least 20 runs and 2 temperatures, not {runs} and {temperatures}")
    run, generator = StackRun(Path(path)), generator_for(seed, EVALUATE)
    stack = run.model()
    choose_method(stack.dbn.top, method)
    visible = _prepared(stack, part_of(run, data, data_dir), generator)
    partition = _log_partition(run, stack, method, runs, temperatures, generator, data_dir)
    bound, estimate = bound_and_estimate(stack.dbn, visible, generator, samples)
    return StackLikelihood(of_scores(bound, partition), of_scores(estimate, partition), samples)


def _log_partition(
    run: StackRun,
    stack: StackFile,
    method: str,
    runs: int,
    temperatures: int,
    generator: torch.Generator,
    data_dir: Path | str | None,
) -> LogPartition:
    """Return log Z of the top RBM; annealing begins at the moments of the states that it learned from."""
    top = stack.dbn.top
    examples = top_states(run, stack, generator, data_dir)
    base = None if examples is None else base_of_states(top, examples)
    with step_progress("annealing the top", count_steps(top, method, temperatures)) as bar:
        return log_partition(
            top,
            method,
            base=base,
            generator=generator,
            examples=examples,
            runs=runs,
            temperatures=temperatures,
            progress=lambda: bar.advance(bar.task_ids[0]),
        )


def top_states(
    run: StackRun, stack: StackFile, generator: torch.Generator, data_dir: Path | str | None = None
) -> Tensor | None:
    """Return states of the top's visible units for some training examples, labels included; None without the data."""
    try:
        dataset = run.dataset(data_dir)
    except InputError:
        return None
    train, _ = split(dataset, run.settings()[0], run.config()["validation"])
    chosen = torch.randperm(len(train), generator=generator)[:EXAMPLES]
    states = stack.dbn.ascend(stack.preparation.prepare(train.take(chosen), generator), generator)[-1]
    if not stack.dbn.classes or dataset.train_labels is None:
        return None if stack.dbn.classes else states
    labels = dataset.train_labels[chosen if train.rows is None else train.rows[chosen]]
    return with_labels(states, labels, stack.dbn.classes)


def part_of(run: StackRun, data: str, data_dir: Path | str | None) -> Cases:
    """Return the examples that were asked for, as stored: a part of the run's own data, or a file."""
    if data not in SPLITS:
        return load(data, data_dir).train
    return named_part(run.dataset(data_dir), data, run.settings()[0], run.config()["validation"])


def _prepared(stack: StackFile, cases: Cases, generator: torch.Generator) -> Tensor:
    """Return the examples as the bottom layer would see them."""
    stack.dbn.visible.check_width(cases.values, "the data")
    survey(cases, stack.preparation, stack.dbn.visible.check)
    return torch.cat([stack.preparation.prepare(stored, generator) for _, stored in cases.chunks()])
