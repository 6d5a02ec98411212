"""Examples of which every epoch shows a share as distorted copies."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from harmonium.data.cases import Cases
from harmonium.data.distortion import distorted
from harmonium.errors import InputError
from harmonium.seeds import DISTORTION, generator_for

COPIES, ROOM = 8, 2**29
"""How many distorted copies of the examples are made, and the bytes that they may take all together."""


@dataclass(frozen=True, kw_only=True)
class DistortedCases(Cases):
    """Examples of which every epoch shows a share as one of several distorted copies.

    Whatever else asks for examples gets them as they are: measurements, moments, and the pictures of a report.

    Attributes
    ----------
    copies : Tensor, shape (copies, cases, n)
        In the dtype of the table.
    share : float
        Of the examples of an epoch, in [0, 1].
    shown : Tensor of int64, shape (cases,), optional
        The copy that stands for each example, -1 for the example itself; None: the examples themselves.
    """

    copies: Tensor
    share: float
    shown: Tensor | None = None

    def in_epoch(self, generator: torch.Generator) -> DistortedCases:
        """Return the examples as an epoch shows them."""
        count, cases = self.copies.shape[:2]
        copy = torch.randint(count, (cases,), generator=generator)
        distorted = torch.rand(cases, generator=generator) < self.share
        return replace(self, shown=torch.where(distorted, copy, -1))

    def take(self, positions: Tensor) -> Tensor:
        """Return the examples at these positions, or the copies that stand for them: (k,) -> (k, n)."""
        stored = super().take(positions)
        if self.shown is None:
            return stored
        copy = self.shown[positions]
        distorted = copy >= 0
        stored[distorted] = self.copies[copy[distorted], positions[distorted]]
        return stored


def with_distorted(
    cases: Cases, image_shape: tuple[int, int] | None, share: float, seed: int, whole: bool
) -> DistortedCases:
    """Return the examples with distorted copies of them, eight or as many as take 512 MiB.

    Parameters
    ----------
    cases : Cases
        Images, one a row.
    image_shape : tuple of int, optional
        (height, width).
    share : float
        Of the examples of an epoch that are to be distorted ones.
    seed : int
    whole : bool
        Whether values are whole numbers, which those of copies are rounded to.

    Raises
    ------
    InputError
        When they are no images.
    """
    if image_shape is None:
        raise InputError(
            "distort is for images, and the rows of the data fill no square: leave it out, or give an array of shape "
            "(cases, height, width)"
        )
    size = len(cases) * cases.width * cases.values.element_size()
    copies = torch.empty(max(1, min(COPIES, ROOM // size)), len(cases), cases.width, dtype=cases.values.dtype)
    for number, copy in enumerate(copies):
        generator = generator_for(seed, DISTORTION, number)
        place = 0
        for _, stored in cases.chunks():
            images = distorted(stored.float().view(-1, *image_shape), generator).view(stored.shape)
            copy[place : place + len(stored)] = images.round() if whole else images
            place += len(stored)
    return DistortedCases(cases.values, cases.rows, copies=copies, share=share)
