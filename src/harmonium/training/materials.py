"""What the loop trains on: the training and validation examples, checked, split and prepared."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from harmonium.data import Cases, Dataset, Preparation, Survey, load, survey
from harmonium.data.distorted_cases import with_distorted
from harmonium.data.survey import byte_divisor
from harmonium.errors import InputError
from harmonium.seeds import MEASURE, VALIDATION_SPLIT, generator_for
from harmonium.training.settings import Settings
from harmonium.units import make_units

MONITORED = 1000
"""How many training and how many validation examples the records look at."""

HELD_OUT = 10_000
"""How many examples the live log-likelihood looks at, at the most."""

VALUES = 2**24
"""Of examples that are this wide and wider fewer are looked at: so many numbers in all."""

SPLITS = ("test", "validation", "train")
"""The parts of a data set by name."""

PIXEL_FLOOR = 0.1
"""The least deviation of a standardised pixel, as a fraction of the typical one."""


@dataclass(frozen=True)
class Materials:
    """A data set made ready for a run.

    Attributes
    ----------
    train : Cases
        The training examples without those set aside.
    validation : Cases, optional
        The examples set aside.
    preparation : Preparation
        What is done to both.
    found : Survey
        The moments of the training examples, as the model sees them before binarising.
    image_shape : tuple of int, optional
        (height, width) where the columns are pixels.
    monitored_train, monitored_validation : Tensor, shape (k, n)
        Prepared examples, as many of one kind as of the other, that the records measure the model on.
    held_out : Tensor, shape (cases, n), optional
        What the live log-likelihood is of: up to 10,000 examples set aside, or training examples where there are none;
        bytes where the units are binary. None where the model takes intensities, which are no states.
    """

    train: Cases
    validation: Cases | None
    preparation: Preparation
    found: Survey
    image_shape: tuple[int, int] | None
    monitored_train: Tensor
    monitored_validation: Tensor | None
    held_out: Tensor | None = None

    @property
    def width(self) -> int:
        """The number of visible units."""
        return len(self.found.mean)

    def fingerprint(self) -> str:
        """Return a short digest that changes when the training examples do."""
        moments = torch.cat([self.found.mean, self.found.variance]).numpy().tobytes()
        return f"{len(self.train)}x{self.train.width}-{hashlib.sha256(moments).hexdigest()[:16]}"


def materials(dataset: Dataset, settings: Settings, validation: str | float | None = None) -> Materials:
    """Check, split, survey and prepare a data set.

    Parameters
    ----------
    dataset : Dataset
        The data as loaded.
    settings : Settings
        Says which units see the data, and the seed of the split.
    validation : str or float, optional
        A file, or the fraction of the training examples to set aside (0 for none); by default the data set's own
        fraction, a tenth for most.

    Raises
    ------
    InputError
        When a value cannot be taken by the visible units (names row and column), or the split leaves no example.
    """
    train, held_out = split(dataset, settings, validation)
    units = make_units(settings.visible, train.width)
    check, states = units.check, units.unit_states()
    divisor = byte_divisor(dataset.train) if settings.visible == "bernoulli" else 1.0
    preparation = Preparation(divisor=divisor)
    found = survey(train, preparation, check)
    if held_out is not None:
        file = None if held_out.values is dataset.train.values else validation
        _check_held_out(held_out, preparation, check, file)
    if settings.visible == "gaussian" and settings.standardize:
        floor = 0.0 if dataset.image_shape is None else PIXEL_FLOOR
        preparation = Preparation(mean=found.mean, deviation=_safe_deviation(found, floor))
        found = survey(train, preparation, check)
    elif settings.binarize is not None and not found.binary:
        preparation = Preparation(divisor=divisor, binarize=settings.binarize)
        if settings.binarize == "threshold":  # the moments of what the model sees
            found = _thresholded_moments(train, preparation, found)
    learned = train
    if settings.distort:
        whole = found.binary or not train.values.dtype.is_floating_point
        learned = with_distorted(train, dataset.image_shape, settings.distort, settings.seed, whole)
    return Materials(
        learned,
        held_out,
        preparation,
        found,
        dataset.image_shape,
        *monitored_examples(train, held_out, preparation, settings.seed),
        held_out_examples(train if held_out is None else held_out, preparation, settings.seed, states),
    )


def held_out_examples(cases: Cases, preparation: Preparation, seed: int, states: Tensor | None) -> Tensor | None:
    """Return the examples that the live log-likelihood is of; `states` are those of a visible unit, if there are few.

    None where they are no such states.
    """
    generator = generator_for(seed, MEASURE, 3)
    chosen = torch.randperm(len(cases), generator=generator)[: min(HELD_OUT, max(1, VALUES // cases.width))]
    pieces = (preparation.prepare(cases.take(part), generator) for part in chosen.split(1000))
    if states is None:
        return torch.cat(list(pieces))
    found = []
    for piece in pieces:
        if not torch.isin(piece, states).all():
            return None
        found.append(piece.to(torch.uint8))
    return torch.cat(found)


def _check_held_out(
    held_out: Cases, preparation: Preparation, check: Callable[[Tensor, Tensor], None], file: str | float | None
) -> None:
    """Refuse validation examples that the model cannot take, naming their file if they have one of their own."""
    try:
        if file is not None and preparation.divisor != 1 and byte_divisor(held_out) != preparation.divisor:
            raise InputError("its values are not bytes, as those of the training data are: give both in the same form")
        survey(held_out, preparation, check)
    except InputError as error:
        raise InputError(f"{error}" if file is None else f"in the validation file {file}, {error}") from error


def monitored_examples(
    train: Cases, held_out: Cases | None, preparation: Preparation, seed: int
) -> tuple[Tensor, Tensor | None]:
    """Choose and prepare the examples that records and pictures look at, the same throughout a run.

    Returns
    -------
    train : Tensor, shape (k, n)
        At most `MONITORED` training examples.
    validation : Tensor, shape (k, n), or None
        As many validation examples, where there are any.
    """
    most = min(MONITORED, max(1, VALUES // train.width))
    count = min(most, len(train)) if held_out is None else min(most, len(held_out), len(train))
    generator = generator_for(seed, MEASURE)
    chosen = train.take(torch.randperm(len(train), generator=generator)[:count])
    of_train = preparation.prepare(chosen, generator)
    if held_out is None:
        return of_train, None
    chosen = held_out.take(torch.randperm(len(held_out), generator=generator)[:count])
    return of_train, preparation.prepare(chosen, generator)


def split(dataset: Dataset, settings: Settings, validation: str | float | None) -> tuple[Cases, Cases | None]:
    """Return training and validation examples; the arguments are those of `materials`."""
    fraction = dataset.validation if validation is None else _as_fraction(validation)
    if fraction is None:
        held_out = load(str(validation)).train
        if held_out.width != dataset.train.width:
            raise InputError(
                f"the validation file {validation} has {held_out.width} columns, the training data "
                f"{dataset.train.width}"
            )
        return dataset.train, held_out
    if fraction == 0:
        return dataset.train, None
    train, held_out = dataset.train.split(fraction, generator_for(settings.seed, VALIDATION_SPLIT))
    if len(train) == 0:
        raise InputError(f"a validation fraction of {fraction:g} leaves no training example: give a smaller one, or 0")
    return train, held_out


def named_part(dataset: Dataset, name: str, settings: Settings, validation: str | float | None) -> Cases:
    """Return the test, validation or training examples of a data set that was split like this.

    Raises
    ------
    InputError
        When there are none.
    """
    if name == "test":
        if dataset.test is None:
            raise InputError(f"{dataset.name} has no test split: give --data validation, train, or a file")
        return dataset.test
    train, held_out = split(dataset, settings, validation)
    if name == "validation" and held_out is None:
        raise InputError("the model was trained without a validation set: give --data test, train, or a file")
    return train if name == "train" or held_out is None else held_out


def _as_fraction(validation: str | float) -> float | None:
    """Return the fraction that was given, or None if it was a file."""
    try:
        fraction = float(validation)
    except ValueError:
        if Path(str(validation)).exists():
            return None
        raise InputError(f"validation is {validation!r}, neither a file that exists nor a fraction") from None
    if not (math.isfinite(fraction) and 0 <= fraction < 1):
        raise InputError(f"the validation fraction is {fraction:g}, but must be at least 0 and below 1")
    return fraction


def _safe_deviation(found: Survey, floor: float) -> Tensor:
    """Return the deviations to divide by, none of them so small that a rare value stands hundreds of deviations out.

    A column's own floor is a thirtieth of its span. `floor` is a fraction of the typical deviation, for columns that
    share a unit, as pixels do: one that is on in a single training image may be on in others later. Constant columns
    get the typical deviation.
    """
    deviation = torch.maximum(found.variance.sqrt(), found.span / 30)
    varies = deviation > 1e-12 * found.mean.abs().clamp(min=1e-30)
    typical = deviation[varies].square().mean().sqrt() if varies.any() else torch.ones(()).double()
    return torch.where(varies, torch.maximum(deviation, floor * typical), typical)


def _thresholded_moments(train: Cases, preparation: Preparation, found: Survey) -> Survey:
    """Return the moments after thresholding."""
    ones = torch.zeros(train.width, dtype=torch.float64)
    for _, stored in train.chunks():
        ones += preparation.prepare(stored).double().sum(0)
    mean = ones / len(train)
    return Survey(found.cases, mean, mean * (1 - mean), found.span.ceil(), True)
