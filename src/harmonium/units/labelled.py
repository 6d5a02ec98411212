"""Binary units with a block of labels beside them, one of which is on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from harmonium.errors import InputError
from harmonium.kernels import sample_from_field, sum_of_softplus
from harmonium.units.base import Units, first_fault
from harmonium.units.binary import Binary


class Labelled(Binary):
    r"""n - k binary units, then k labels of which exactly one is 1.

        E(x) = -bias . x
        Gamma(field) = sum_{i <= n-k} log(1 + exp(field_i + bias_i)) + log sum_{i > n-k} exp(field_i + bias_i)

    Parameters
    ----------
    size : int
        The number n of all units, more than k.
    classes : int
        The number k of labels, at least 2.

    Attributes
    ----------
    bias : Parameter, shape (n,)
        Of the binary units the log-odds, of the labels the log-probabilities up to a constant.
    classes : int

    Raises
    ------
    InputError
        When there are fewer than 2 labels, or no other unit.

    Notes
    -----
    Source: the label units of Hinton, Osindero & Teh 2006, "A fast learning algorithm for deep belief nets", section 5.

    Examples
    --------
    >>> import torch
    >>> units = Labelled(3, classes=2)
    >>> units.mean(torch.zeros(3)).tolist()
    [0.5, 0.5, 0.5]
    """

    family = "labelled"
    independent = False

    def __init__(self, size: int, classes: int) -> None:
        super().__init__(size)
        if classes < 2 or classes >= size:
            raise InputError(f"labelled units need at least 2 labels and 1 other unit, not {classes} of {size}")
        self.classes = classes
        self.family = f"labelled:{classes}"  # the name that `make_units` knows it by

    def _parts(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return what belongs to the binary units and what to the labels."""
        return x[..., : -self.classes], x[..., -self.classes :]

    def select(self, units: Tensor) -> Units:
        """Refuse: a part of the labels is no layer of its own."""
        raise InputError("units that share labels cannot be taken apart")

    def log_partition(self, field: Tensor) -> Tensor:
        """Gamma(field): (..., n) -> (...)."""
        (binary, labels), (bias, label_bias) = self._parts(field), self._parts(self.bias)
        return sum_of_softplus(binary.contiguous(), bias.contiguous()) + torch.logsumexp(labels + label_bias, -1)

    def mean(self, field: Tensor) -> Tensor:
        """Sigmoid(field + bias) of the binary units, softmax(field + bias) of the labels: (..., n) -> (..., n)."""
        binary, labels = self._parts(field + self.bias)
        return torch.cat([torch.sigmoid(binary), torch.softmax(labels, -1)], -1)

    def mode(self, field: Tensor) -> Tensor:
        """Return 1 where a 1 is more probable than a 0, and the most probable label: (..., n) -> (..., n)."""
        binary, labels = self._parts(field + self.bias)
        return torch.cat([(binary > 0).to(field.dtype), _one_hot(labels.argmax(-1), labels)], -1)

    def sample(self, field: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """X ~ p(x | field): (..., n) -> (..., n)."""
        (binary, labels), (bias, label_bias) = self._parts(field), self._parts(self.bias)
        states = sample_from_field(binary.contiguous(), bias.contiguous(), generator)
        # The largest of the log-probabilities, each with Gumbel noise, is a sample (Gumbel 1954).
        uniform = torch.rand(labels.shape, dtype=torch.float64, generator=generator, device=labels.device)
        noise = -(-uniform.clamp_(min=1e-300).log()).log()
        return torch.cat([states, _one_hot((labels + label_bias + noise).argmax(-1), labels)], -1)

    def interpolate(self, base: Units, beta: float) -> Labelled:
        """Return the layer whose bias lies between that of `base` (beta = 0) and this one's (beta = 1)."""
        if not isinstance(base, Labelled) or base.classes != self.classes:
            raise InputError(f"{self.family} units cannot be interpolated with {base.family} units")
        between = Labelled(self.size, self.classes)
        between.bias = nn.Parameter(torch.lerp(base.bias.detach(), self.bias.detach(), beta))
        return between

    @torch.no_grad()
    def match_moments(self, mean: Tensor, variance: Tensor, cases: int) -> None:
        """Set the log-odds of the smoothed means, half a case of each kind; of the labels the log of the means."""
        smoothed = (cases * mean + 0.5) / (cases + 1)
        self.bias.copy_(torch.cat([torch.logit(self._parts(smoothed)[0]), self._parts(smoothed)[1].log()]))

    def check(self, x: Tensor, rows: Tensor | None = None) -> None:
        """Raise `InputError` if a value is not in [0, 1], or not one of the labels is 1 and the others 0."""
        faulty = ~((x >= 0) & (x <= 1))
        labels = self._parts(x)[1]
        wrong = ((labels != 0) & (labels != 1)).any(-1) | (labels.sum(-1) != 1)
        self._parts(faulty)[1].logical_or_(wrong[:, None])
        fault = first_fault(x, faulty, rows)
        if fault:
            raise InputError(f"{fault}, but binary units need values in [0, 1], and one of the labels must be 1")


def _one_hot(classes: Tensor, like: Tensor) -> Tensor:
    """Return states with a 1 at these places: (...) -> (..., k)."""
    return torch.zeros_like(like).scatter_(-1, classes[..., None], 1.0)


def classes_of(units: Any) -> int:
    """Return how many labels a layer has; 0 where it has none."""
    return units.classes if isinstance(units, Labelled) else 0
