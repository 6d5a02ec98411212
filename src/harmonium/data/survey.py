"""One pass over a set before training: whether every value is usable, and the moments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from harmonium.data.cases import Cases
from harmonium.data.preparation import Preparation
from harmonium.errors import InputError

ROWS = 256
"""So many rows of bytes are summed in float32."""

COARSE = 16
"""Whole numbers up to this are grey levels of a coarser kind, or counts, and no bytes."""


@dataclass(frozen=True)
class Survey:
    """What one pass over the examples found.

    Attributes
    ----------
    cases : int
        How many there are.
    mean, variance, span : Tensor, shape (n,), float64
        Of each column, after scaling; the span is its largest value less its smallest.
    binary : bool
        Whether every value is 0 or 1.
    """

    cases: int
    mean: Tensor
    variance: Tensor
    span: Tensor
    binary: bool


def survey(cases: Cases, preparation: Preparation, check: Callable[[Tensor, Tensor], None]) -> Survey:
    """Check every value and return the moments of the columns, in pieces that fit memory.

    Parameters
    ----------
    cases : Cases
        The examples.
    preparation : Preparation
        Its `scale` is applied before anything is looked at.
    check : callable
        Called with (values, their row numbers), raises `InputError` at a value that the units cannot take:
        the method `check` of the visible units.

    Returns
    -------
    Survey
        Means and sums of squares are merged piece by piece (Chan, Golub & LeVeque 1979), which loses no digits to a
        large mean.
    """
    count = 0
    mean = torch.zeros(cases.width, dtype=torch.float64)
    squares = torch.zeros(cases.width, dtype=torch.float64)
    smallest, largest = torch.full_like(mean, torch.inf), torch.full_like(mean, -torch.inf)
    binary = True
    for rows, stored in cases.chunks():
        values = preparation.scale(stored)
        check(values, rows)
        binary = binary and bool(((values == 0) | (values == 1)).all())
        size = len(values)
        # What is not scaled keeps the digits that it is stored with.
        plain = preparation.mean is None and preparation.divisor == 1
        piece = stored if plain else values
        smallest = torch.minimum(smallest, piece.amin(0).double())
        largest = torch.maximum(largest, piece.amax(0).double())
        if preparation.mean is None and stored.dtype == torch.uint8:
            piece_mean, piece_squares = _moments_of_bytes(stored, preparation.divisor)
        else:
            piece_mean = piece.double().mean(0)
            piece_squares = (piece.double() - piece_mean).square().sum(0)
        difference = piece_mean - mean
        squares += piece_squares + difference.square() * count * size / (count + size)
        mean += difference * size / (count + size)
        count += size
    return Survey(count, mean, squares / count, largest - smallest, binary)


def _moments_of_bytes(stored: Tensor, divisor: float) -> tuple[Tensor, Tensor]:
    """Return the means of the columns and their sums of squared differences, exactly, and so on every machine alike.

    Sums over 256 bytes, and over the squares of 255 and fewer, are whole numbers below 2^24: exact in float32.
    """
    sums, squares = (torch.zeros(stored.shape[1], dtype=torch.float64) for _ in range(2))
    for part in stored.float().split(ROWS):
        ones = torch.ones(1, len(part))
        sums += (ones @ part)[0]
        squares += (ones @ part.square())[0]
    return sums / len(stored) / divisor, (squares - sums.square() / len(stored)) / divisor**2


def byte_divisor(cases: Cases) -> float:
    """Return 255 if the values are whole numbers that exceed 1, as bytes do, else 1.

    Raises
    ------
    InputError
        When they are whole numbers outside 0..255: names row and column. When the largest is above 1 and at most 16:
        bytes of 255 they are not.
    """
    if cases.values.dtype.is_floating_point:
        return 1.0
    largest = 0
    for rows, stored in cases.chunks():
        if stored.dtype == torch.uint8:
            largest = max(largest, int(stored.max()))
            continue
        faulty = (stored < 0) | (stored > 255)
        if faulty.any():
            row, column = divmod(int(faulty.flatten().to(torch.uint8).argmax()), cases.width)
            raise InputError(
                f"row {int(rows[row])}, column {column} (both from 0) holds {int(stored[row, column])}, but binary "
                "units need bytes from 0 to 255 or values in [0, 1]: rescale the data, or use gaussian visible units"
            )
        largest = max(largest, int(stored.max()))
    if 1 < largest <= COARSE:
        raise InputError(
            f"the values are whole numbers of at most {largest}, and binary units would take them for bytes, of 255: "
            f"divide them by {largest}, or use gaussian visible units"
        )
    return 255.0 if largest > 1 else 1.0
