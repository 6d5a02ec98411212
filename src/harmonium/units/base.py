"""What every unit family defines: the contract between a layer and everything above it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from harmonium.errors import InputError


class Units(nn.Module, ABC):
    r"""A layer of units of one family, conditionally independent given the other layer.

    A family is a choice of the layer's own energy E(x), that is of a base measure and a bias. Its cumulant function

        Gamma(field) = log sum_x exp(-E(x) + field . x)            (an integral where x is real)

    describes it fully: the first derivative is the mean, the second the variance. `field` is always what the *other*
    layer sends, without this layer's own bias.

    Parameters
    ----------
    size : int
        The number of units, at least 1.

    Attributes
    ----------
    family : str
        The family's name in settings and model files.
    independent : bool
        Whether every unit is independent of the others given the field. Where it is not, the states of the layer are
        not all combinations of those of its units, and so are not enumerated.
    size : int
        The number of units n.

    Notes
    -----
    Parameters are natural parameters, and every one of them has an entry in `statistics`, so that one closed form of
    the gradient serves all families. Source: Welling, Rosen-Zvi & Hinton 2004, section 2.
    """

    family: str
    independent: ClassVar[bool] = True

    def __init__(self, size: int) -> None:
        super().__init__()
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise InputError(f"{type(self).__name__} needs a whole number of units, at least 1, but got {size!r}")
        self.size = size

    def extra_repr(self) -> str:
        """Show the number of units where the layer is printed."""
        return str(self.size)

    @abstractmethod
    def energy(self, x: Tensor) -> Tensor:
        """E(x), minus the log of base measure and bias term: (..., n) -> (...)."""

    @abstractmethod
    def unit_energy(self, x: Tensor) -> Tensor:
        """Return what each unit contributes to `energy`, which is their sum: (..., n) -> (..., n)."""

    def select(self, units: Tensor) -> Units:
        """Return a layer of some of these units, by number and in that order: (k,) -> a layer of k units."""
        chosen = type(self)(len(units))
        for name, parameter in self.named_parameters():
            setattr(chosen, name, nn.Parameter(parameter.detach()[units]))
        return chosen

    @abstractmethod
    def log_partition(self, field: Tensor) -> Tensor:
        """Gamma(field), summed over the units of the layer: (..., n) -> (...)."""

    @abstractmethod
    def mean(self, field: Tensor) -> Tensor:
        """E[x | field]: (..., n) -> (..., n)."""

    @abstractmethod
    def variance(self, field: Tensor) -> Tensor:
        """Var[x | field]: (..., n) -> (..., n)."""

    @abstractmethod
    def mode(self, field: Tensor) -> Tensor:
        """Return the most probable x given the field: (..., n) -> (..., n)."""

    @abstractmethod
    def sample(self, field: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """X ~ p(x | field): (..., n) -> (..., n)."""

    @abstractmethod
    def statistics(self, x: Tensor, case_weights: Tensor | None = None) -> dict[str, Tensor]:
        """-dE/dparameter for each parameter by name, averaged over cases: states (cases, n) -> parameter shapes."""

    @abstractmethod
    def expected_statistics(
        self, field: Tensor, case_weights: Tensor | None = None, mean: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the expectation of `statistics` under p(x | field): fields (cases, n) -> parameter shapes.

        `mean` is that of the units given the field, where it is at hand already.

        Averaging over the conditional distribution instead of one sample from it is Rao-Blackwellisation: the same
        expectation, a smaller variance.
        """

    @abstractmethod
    def interpolate(self, base: Units, beta: float) -> Units:
        """Return the layer with energy (1 - beta) E_base(x) + beta E(x)."""

    @abstractmethod
    def match_moments(self, mean: Tensor, variance: Tensor, cases: int) -> None:
        """Set the parameters so that the layer on its own has these moments, smoothed as befits `cases` cases."""

    @abstractmethod
    def check(self, x: Tensor, rows: Tensor | None = None) -> None:
        """Raise `InputError`, naming row and column, if a value of x (cases, n) is none that these units can take.

        `rows` (cases,) are the numbers by which the person knows the rows; without them they count from 0.
        """

    @torch.no_grad()
    def pairwise_log_partition(self, first: Tensor, second: Tensor) -> Tensor:
        """Gamma(first_r + second_s) for all pairs: (r, n), (s, n) -> (r, s). Enumeration spends its time here."""
        return torch.stack([self.log_partition(row + second) for row in first])

    def unit_states(self) -> Tensor | None:
        """Return the states (q,) that one unit can take, or None where it takes real values."""
        return None

    def check_width(self, x: Tensor, what: str) -> None:
        """Raise `InputError` if the last dimension of `x` is not the number of units."""
        if x.shape[-1] != self.size:
            raise InputError(
                f"{what} has {x.shape[-1]} columns, but the layer has {self.size} {self.family} units: "
                "give data of that width, or a model made for these data"
            )


def case_mean(x: Tensor, case_weights: Tensor | None = None) -> Tensor:
    """Average over the cases: (cases, n) -> (n,); `case_weights` (cases,) sum to 1, and None means equal ones."""
    return x.mean(0) if case_weights is None else case_weights @ x


def first_fault(x: Tensor, faulty: Tensor, rows: Tensor | None) -> str | None:
    """Say where the first True of `faulty` (cases, n) stands and what x holds there; None if there is none."""
    if not faulty.any():
        return None
    case, column = divmod(int(faulty.flatten().to(torch.uint8).argmax()), faulty.shape[1])
    row = case if rows is None else int(rows[case])
    return f"row {row}, column {column} (both from 0) holds {float(x[case, column]):g}"
