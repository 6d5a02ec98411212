"""log Z and the log-likelihood by the method that fits the model."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.errors import InputError, unknown_name
from harmonium.exact import is_finite
from harmonium.likelihood.annealed import annealed_log_partition, count_annealing
from harmonium.likelihood.annealing import Progress
from harmonium.likelihood.estimates import LogLikelihood, LogPartition
from harmonium.likelihood.exact import count_blocks, exact_log_partition
from harmonium.rbm import RBM

METHODS = ("ais", "auto", "exact")
"""The names of the methods."""

AUTO_UNITS = 20
"""Up to this size of the smaller finite layer ``auto`` enumerates."""


def choose_method(rbm: RBM, method: str = "auto") -> str:
    """Return the method that ``auto`` stands for with this model, or the given one.

    Raises
    ------
    InputError
        When there is no such method.
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    if method != "auto":
        return method
    finite = [layer.size for layer in (rbm.visible, rbm.hidden) if is_finite(layer)]
    return "exact" if not finite or min(finite) <= AUTO_UNITS else "ais"


def log_partition(
    rbm: RBM,
    method: str = "auto",
    *,
    base: RBM | None = None,
    generator: torch.Generator | None = None,
    examples: Tensor | None = None,
    runs: int = 500,
    temperatures: int = 2000,
    progress: Progress | None = None,
) -> LogPartition:
    """Compute or estimate log Z, in nats.

    Parameters
    ----------
    rbm : RBM
        The model.
    method : {"auto", "exact", "ais"}
        ``auto`` enumerates where the smaller finite layer has at most 20 units (or both layers are Gaussian, whose Z
        has a closed form), and anneals otherwise.
    base : RBM, optional
        Where annealing starts: a model with zero weights, best made by `base_of_states` from the training data.
    generator : torch.Generator, optional
        The source of randomness of annealing; by default a new one with torch's default seed.
    examples : Tensor, shape (cases, n), optional
        Data: more places where annealing looks for modes.
    runs, temperatures : int
        Of annealing.
    progress : callable, optional
        Called after every temperature, or every block of states: `count_steps` times at the most.

    Returns
    -------
    LogPartition

    Raises
    ------
    InputError
        When the method does not fit the model, or a parameter is not finite.

    Examples
    --------
    >>> from harmonium.units import Bernoulli
    >>> rbm = RBM(Bernoulli(3), Bernoulli(2), weights=torch.zeros(3, 2))
    >>> z = log_partition(rbm)
    >>> round(z.value, 4), z.lower == z.upper, z.method
    (3.4657, True, 'exact')
    """
    rbm.check_finite()
    if choose_method(rbm, method) == "exact":
        value = float(exact_log_partition(rbm, progress))
        return LogPartition(value, 0.0, value, value, "exact")
    generator = torch.Generator() if generator is None else generator
    return annealed_log_partition(
        rbm, generator, base=base, examples=examples, runs=runs, temperatures=temperatures, progress=progress
    )


def count_steps(rbm: RBM, method: str, temperatures: int) -> int:
    """Return how often `log_partition` calls its `progress` at the most."""
    return count_blocks(rbm) if choose_method(rbm, method) == "exact" else count_annealing(temperatures)


@torch.no_grad()
def log_likelihood(rbm: RBM, visible: Tensor, partition: LogPartition) -> LogLikelihood:
    """Return the mean of log P(v) = -F(v) - log Z over examples, with bounds, in nats per example.

    Parameters
    ----------
    rbm : RBM
        The model.
    visible : Tensor, shape (cases, n)
        The examples, prepared as the training data were.
    partition : LogPartition
        What `log_partition` gave for this model.

    Raises
    ------
    InputError
        When there is no example, or they have another width than the model.

    Examples
    --------
    >>> from harmonium.units import Bernoulli
    >>> rbm = RBM(Bernoulli(3), Bernoulli(2), weights=torch.zeros(3, 2))
    >>> round(log_likelihood(rbm, torch.ones(4, 3), log_partition(rbm)).value, 4)      # -3 log 2
    -2.0794
    """
    if len(visible) == 0:
        raise InputError("there is no example to evaluate: give at least one")
    pieces = [rbm.free_energy(piece).double() for piece in visible.to(rbm.weights).split(4096)]
    score = -torch.cat(pieces)
    return of_scores(score, partition)


def of_scores(score: Tensor, partition: LogPartition) -> LogLikelihood:
    """Return the mean of scores (cases,) less log Z, with bounds and error: the scores are -F(v), or stand for it."""
    mean = float(score.mean())
    spread = float(score.std()) / len(score) ** 0.5 if len(score) > 1 else 0.0
    return LogLikelihood(
        mean - partition.value,
        (partition.standard_error**2 + spread**2) ** 0.5,
        mean - partition.upper,
        mean - partition.lower,
        len(score),
        partition,
    )
