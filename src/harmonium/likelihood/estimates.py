"""Estimates that carry their uncertainty."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class LogPartition:
    """An estimate of log Z, in nats.

    Attributes
    ----------
    value : float
        The best estimate.
    standard_error : float
        Its standard error on the log scale; 0 where log Z is exact.
    lower, upper : float
        Bounds (see `harmonium.likelihood.annealed`); both are the value where it is exact.
    method : str
        How it was obtained.
    diagnostics : dict
        Numbers that tell how far to trust it.
    warnings : tuple of str
        Reasons not to trust it, in sentences; empty if none was found.
    """

    value: float
    standard_error: float
    lower: float
    upper: float
    method: str
    diagnostics: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class LogLikelihood:
    """An estimate of the mean log-likelihood of some examples, in nats per example.

    Attributes
    ----------
    value : float
        The mean over the examples of -F(v), minus the estimate of log Z.
    standard_error : float
        That of log Z and that of the mean over the examples, added in squares: the error with which the value stands
        for the whole population that the examples were drawn from.
    lower, upper : float
        Bounds for these very examples: those of log Z, taken from the mean of -F(v).
    examples : int
        How many examples.
    log_partition : LogPartition
        How Z was obtained.
    conservative, conservative_error : float or None
        The mean of `conservative_log_probability` for these examples and its standard error, where it was estimated: a
        lower bound for the annealing process taken as the model, for which no Z is needed.
    warnings : tuple of str
        Those of the log-partition.
    """

    value: float
    standard_error: float
    lower: float
    upper: float
    examples: int
    log_partition: LogPartition
    conservative: float | None = None
    conservative_error: float | None = None

    @property
    def method(self) -> str:
        """How Z was obtained."""
        return self.log_partition.method

    @property
    def warnings(self) -> tuple[str, ...]:
        """Reasons not to trust it."""
        return self.log_partition.warnings
