"""Value, error, bounds and warnings, from all that was run."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from harmonium.likelihood.bounds import (
    bennett_error,
    bennett_ratio,
    effective_sample_size,
    lower_bound,
    upper_bound,
)
from harmonium.likelihood.bridge import Bridge
from harmonium.likelihood.missed import Mode

CONFIDENCE = 2.58
"""Standard errors that the bracket reaches beyond the value at least: 99 % of a normal distribution."""

RELEVANT, EXCESS, WIDE = 4.0, 2.0, 2.0
"""In nats: how far below log Z the mass of a mode that matters may lie; how much more than the common starts the
backward runs from it may give; and the width of a bracket from which on a warning is due."""

SURE = 4.0
"""Standard errors of that excess that it must reach too."""


@dataclass
class Bracket:
    """An estimate of log(Z / Z_base), in nats, that checks may widen.

    Attributes
    ----------
    value, error, lower, upper : float
        As in `LogPartition`, relative to the base.
    warnings : list of str
        What the checks found.
    """

    value: float
    error: float
    lower: float
    upper: float
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def of_runs(cls, ups: np.ndarray, downs: np.ndarray, ancestors: np.ndarray) -> Bracket:
        """Return the bracket of forward and backward log-weights, before any check."""
        value, error = bennett_ratio(ups, downs), bennett_error(ups, downs, ancestors)
        reach = CONFIDENCE * error
        return cls(value, error, min(lower_bound(ups), value - reach), max(upper_bound(downs), value + reach))

    def check_modes(self, modes: list[Mode]) -> None:
        """Widen the bracket to hold what modes say that the runs hardly ever reached, though they matter."""
        missed = [
            mode
            for mode in modes
            if mode.local > self.value - RELEVANT and mode.excess > max(EXCESS, SURE * mode.error)
        ]
        missed += [m for m in modes if m.lower > self.value + max(1.0, 4 * self.error) and m not in missed]
        if not missed:
            return
        local, worst = max(mode.local for mode in missed), max(mode.excess for mode in missed)
        self.upper = max(self.upper, local, self.value) + max(worst, 1.0)
        self.value = float(np.logaddexp(self.value, local))
        self.error = max(self.error, (self.upper - self.lower) / 4)
        self.warnings.append(
            f"annealing misses a mode that holds much of the probability (runs from there disagree by {worst:.1f} "
            "nats): do not trust the value beyond the bracket, which was widened; try more temperatures or another base"
        )

    def check_bridge(self, ladders: Bridge) -> None:
        """Widen the bracket to hold what tempered ladders say, where that lies clearly outside."""
        apart = max(self.lower - ladders.value, ladders.value - self.upper)
        if apart <= max(0.5, CONFIDENCE * ladders.standard_error):
            return
        self.lower, self.upper = min(self.lower, ladders.value), max(self.upper, ladders.value)
        self.error = max(self.error, (self.upper - self.lower) / 4)
        self.warnings.append(
            f"tempered chains give a log Z that lies {apart:.1f} nats outside the annealed bracket, which was widened "
            "to hold it: one of the two does not mix; try more temperatures"
        )

    def check_runs(self, ups: np.ndarray) -> None:
        """Warn of few runs that count, and of a wide bracket that nothing else explains."""
        size = effective_sample_size(ups)
        if size < max(10.0, 0.02 * len(ups)):
            self.warnings.append(
                f"only {size:.1f} of {len(ups)} forward runs count (effective sample size): use more temperatures"
            )
        if self.upper - self.lower > WIDE and len(self.warnings) == 0:
            self.warnings.append(f"the bracket is {self.upper - self.lower:.1f} nats wide: use more temperatures")
