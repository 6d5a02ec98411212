"""Binary units."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harmonium.errors import InputError
from harmonium.kernels import mean_of_field, sample_from_field, sum_of_softplus
from harmonium.units.base import Units, first_fault
from harmonium.units.binary import Binary


class Bernoulli(Binary):
    r"""Units that are 0 or 1.

        E(x) = -bias . x            Gamma(field) = sum_i log(1 + exp(field_i + bias_i))
        P(x_i = 1 | field) = sigmoid(field_i + bias_i)

    Parameters
    ----------
    size : int
        The number of units.

    Attributes
    ----------
    bias : Parameter, shape (n,)
        Log-odds of a unit on its own, in nats.

    Notes
    -----
    Data may lie between 0 and 1: such a value stands for the probability of a 1.

    Examples
    --------
    >>> import torch
    >>> units = Bernoulli(2)
    >>> units.mean(torch.tensor([0.0, 100.0])).tolist()
    [0.5, 1.0]
    """

    family = "bernoulli"

    def log_partition(self, field: Tensor) -> Tensor:
        """Gamma(field) = sum_i log(1 + exp(field_i + bias_i)): (..., n) -> (...)."""
        return sum_of_softplus(field, self.bias)

    @torch.no_grad()
    def pairwise_log_partition(self, first: Tensor, second: Tensor) -> Tensor:
        """Gamma(first_r + second_s) = log prod_i (1 + e^first_ri e^(second_si + bias_i)): (r, n), (s, n) -> (r, s).

        A product of as many factors as a number can hold, then one logarithm, is an order of magnitude faster than a
        logarithm for every factor. Units whose field alone could overflow are left to `log_partition`.
        """
        second = second + self.bias
        room = 0.9 * math.log(torch.finfo(first.dtype).max)
        steep = torch.maximum(first.abs().amax(0), second.abs().amax(0)) > room / 4
        largest = F.softplus(first.amax(0) + second.amax(0)).tolist()  # no factor of a unit has a larger logarithm
        rows, columns = first.T.exp()[:, :, None].contiguous(), second.T.exp()[:, None, :].contiguous()
        total = first.new_zeros(len(first), len(second))
        product, grown, filled = torch.ones_like(total), torch.empty_like(total), 0.0
        for unit in (~steep).nonzero().flatten().tolist():
            if filled + largest[unit] > room:
                total += product.log_()
                product.fill_(1)
                filled = 0.0
            torch.mul(product, rows[unit], out=grown)
            product.addcmul_(grown, columns[unit])
            filled += largest[unit]
        total += product.log_()
        for unit in steep.nonzero().flatten().tolist():
            total += F.softplus(first[:, unit, None] + second[:, unit])
        return total

    def mean(self, field: Tensor) -> Tensor:
        """P(x_i = 1 | field) = sigmoid(field_i + bias_i): (..., n) -> (..., n)."""
        return mean_of_field(field, self.bias)

    def mode(self, field: Tensor) -> Tensor:
        """Return 1 where a 1 is more probable than a 0: (..., n) -> (..., n)."""
        return (field + self.bias > 0).to(field.dtype)

    def sample(self, field: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """x_i ~ Bernoulli(sigmoid(field_i + bias_i)): (..., n) -> (..., n)."""
        return sample_from_field(field, self.bias, generator)

    def interpolate(self, base: Units, beta: float) -> Bernoulli:
        """Return the layer whose bias lies between that of `base` (beta = 0) and this one's (beta = 1)."""
        if not isinstance(base, Bernoulli):
            raise InputError(f"bernoulli units cannot be interpolated with {base.family} units")
        between = Bernoulli(self.size)
        between.bias = nn.Parameter(torch.lerp(base.bias.detach(), self.bias.detach(), beta))
        return between

    @torch.no_grad()
    def match_moments(self, mean: Tensor, variance: Tensor, cases: int) -> None:
        """bias = log(p / (1 - p)) of the smoothed mean p = (cases mean + 1/2) / (cases + 1).

        The half case of each kind (Krichevsky & Trofimov 1981) keeps the bias of a constant pixel finite. Source of
        the initial value: Hinton 2010, section 8.1.
        """
        smoothed = (cases * mean + 0.5) / (cases + 1)
        self.bias.copy_(torch.logit(smoothed))

    def check(self, x: Tensor, rows: Tensor | None = None) -> None:
        """Raise `InputError` if a value is not in [0, 1]; NaN is not."""
        smallest, largest = torch.aminmax(x)
        if smallest >= 0 and largest <= 1:  # two passes less over what is nearly always right; false where one is NaN
            return
        fault = first_fault(x, ~((x >= 0) & (x <= 1)), rows)
        if fault:
            raise InputError(
                f"{fault}, but binary units need values in [0, 1]: "
                "rescale or mend the data, or use gaussian visible units for real values"
            )
