"""Real-valued units."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from harmonium.errors import InputError
from harmonium.kernels import sample_normal
from harmonium.units.base import Units, case_mean, first_fault

LIMIT = 30.0
"""The largest log_precision that counts, in either direction."""


class Gaussian(Units):
    r"""Units that take real values, with a learned mean and a learned precision each.

        E(x) = sum_i ( precision_i x_i^2 / 2 - bias_i x_i )
        p(x_i | field) = Normal( (bias_i + field_i) / precision_i,  1 / precision_i )
        Gamma(field) = sum_i ( (bias_i + field_i)^2 / (2 precision_i) + log(2 pi / precision_i) / 2 )

    Parameters
    ----------
    size : int
        The number of units.

    Attributes
    ----------
    bias : Parameter, shape (n,)
        The natural parameter; the mean of a unit on its own is bias / precision.
    log_precision : Parameter, shape (n,)
        Log of the precision: whatever step an optimiser takes, the precision exp(log_precision) stays positive.

    Notes
    -----
    Source: Welling, Rosen-Zvi & Hinton 2004, section 2; the precision as a parameter, Cho, Ilin & Raiko 2011,
    "Improved learning of Gaussian-Bernoulli restricted Boltzmann machines", section 3.

    Examples
    --------
    >>> import torch
    >>> units = Gaussian(1)
    >>> units.mean(torch.tensor([2.0])).item(), units.variance(torch.tensor([2.0])).item()
    (2.0, 1.0)
    """

    family = "gaussian"

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.bias = nn.Parameter(torch.zeros(size))
        self.log_precision = nn.Parameter(torch.zeros(size))

    @property
    def precision(self) -> Tensor:
        """exp(log_precision), shape (n,), within e^-30 and e^30."""
        return self._bounded().exp()

    def _bounded(self) -> Tensor:
        """log_precision within +-LIMIT: that of a constant column grows for ever, and must not overflow."""
        return self.log_precision.clamp(-LIMIT, LIMIT)

    def energy(self, x: Tensor) -> Tensor:
        """E(x) = sum_i (precision_i x_i^2 / 2 - bias_i x_i): (..., n) -> (...)."""
        return x.square() @ self.precision / 2 - x @ self.bias

    def unit_energy(self, x: Tensor) -> Tensor:
        """precision_i x_i^2 / 2 - bias_i x_i: (..., n) -> (..., n)."""
        return x.square() * self.precision / 2 - x * self.bias

    def log_partition(self, field: Tensor) -> Tensor:
        """Gamma(field), the log of a normal integral: (..., n) -> (...)."""
        quadratic = (field + self.bias).square() / self.precision
        return (quadratic + math.log(2 * math.pi) - self._bounded()).sum(-1) / 2

    @torch.no_grad()
    def pairwise_log_partition(self, first: Tensor, second: Tensor) -> Tensor:
        """Gamma(first_r + second_s) for all pairs, the square multiplied out: (r, n), (s, n) -> (r, s)."""
        cross = (first / self.precision) @ second.T
        squares = (first.square() / self.precision).sum(-1)
        own = first @ (self.bias / self.precision)
        return cross + (squares / 2 + own)[:, None] + self.log_partition(second)

    def mean(self, field: Tensor) -> Tensor:
        """(bias + field) / precision: (..., n) -> (..., n)."""
        return (field + self.bias) / self.precision

    def variance(self, field: Tensor) -> Tensor:
        """1 / precision, whatever the field: (..., n) -> (..., n)."""
        return torch.exp(-self._bounded()).expand_as(field)

    def mode(self, field: Tensor) -> Tensor:
        """Return the mean, where a normal density is highest: (..., n) -> (..., n)."""
        return self.mean(field)

    def sample(self, field: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """x_i ~ Normal(mean_i(field), 1 / precision_i): (..., n) -> (..., n)."""
        return sample_normal(self.mean(field).detach(), torch.exp(-self._bounded().detach() / 2), generator)

    def _statistics(self, first_moment: Tensor, second_moment: Tensor) -> dict[str, Tensor]:
        within = self.log_precision.abs() <= LIMIT  # beyond, a change of log_precision changes nothing
        return {"bias": first_moment, "log_precision": -self.precision * second_moment / 2 * within}

    def statistics(self, x: Tensor, case_weights: Tensor | None = None) -> dict[str, Tensor]:
        """-dE/dbias = x and -dE/dlog_precision = -precision x^2 / 2, averaged over cases."""
        return self._statistics(case_mean(x, case_weights), case_mean(x.square(), case_weights))

    def expected_statistics(
        self, field: Tensor, case_weights: Tensor | None = None, mean: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the same with x^2 replaced by mean^2 + 1 / precision, averaged over cases."""
        mean = self.mean(field) if mean is None else mean
        second_moment = case_mean(mean.square(), case_weights) + torch.exp(-self._bounded())
        return self._statistics(case_mean(mean, case_weights), second_moment)

    def interpolate(self, base: Units, beta: float) -> Gaussian:
        """Return the layer with bias and precision between those of `base` (beta = 0) and its own (beta = 1)."""
        if not isinstance(base, Gaussian):
            raise InputError(f"gaussian units cannot be interpolated with {base.family} units")
        between = Gaussian(self.size)
        between.bias = nn.Parameter(torch.lerp(base.bias.detach(), self.bias.detach(), beta))
        precision = torch.lerp(base.precision.detach(), self.precision.detach(), beta)
        between.log_precision = nn.Parameter(precision.log())
        return between

    @torch.no_grad()
    def match_moments(self, mean: Tensor, variance: Tensor, cases: int) -> None:
        """precision = 1 / variance and bias = mean / variance; a constant column gets the mean of the others' variance.

        So does a column with less than a hundredth of the average variance: a pixel that is nearly always off would
        start with a precision that makes the few cases where it is on all but impossible. Learning may sharpen it.
        """
        typical = variance.mean() if bool(variance.mean() > 0) else torch.ones_like(variance.mean())
        smoothed = torch.where(variance > 0.01 * typical, variance, typical)
        self.log_precision.copy_(-smoothed.log())
        self.bias.copy_(mean / smoothed)

    def check(self, x: Tensor, rows: Tensor | None = None) -> None:
        """Raise `InputError` if a value is NaN or infinite."""
        fault = first_fault(x, ~torch.isfinite(x), rows)
        if fault:
            raise InputError(f"{fault}, but gaussian units need finite values: mend or drop that row")
