"""Can dreams be told from data by their nearest neighbours? A judge tries."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from harmonium.errors import InputError


class AdversarialAccuracy(NamedTuple):
    """How well a nearest-neighbour judge tells dreams from data.

    Attributes
    ----------
    data : float
        Share of the data whose nearest other example is nearer than the nearest dream; ties count a half.
    dreams : float
        Share of the dreams whose nearest other dream is nearer than the nearest example.
    """

    data: float
    dreams: float

    @property
    def accuracy(self) -> float:
        """The mean of both: 0.5 where the judge is at a loss, 1 where the sets lie apart."""
        return (self.data + self.dreams) / 2

    @property
    def departure(self) -> float:
        """How far the two shares are from 0.5 on average: 0 is best, 0.5 worst.

        Dreams that crowd in the middle of the data have one share near 1 and the other near 0: their accuracy would
        pass for a good one, their departure does not.
        """
        return (abs(self.data - 0.5) + abs(self.dreams - 0.5)) / 2


@torch.no_grad()
def adversarial_accuracy(data: Tensor, dreams: Tensor) -> AdversarialAccuracy:
    r"""Measure the nearest-neighbour adversarial accuracy of dreams against data.

        AA = 1/2 ( share of data whose nearest other example is nearer than the nearest dream
                 + share of dreams whose nearest other dream is nearer than the nearest example )

    Shares near 0 mean that the dreams are copies of the very examples that they are held against.

    Parameters
    ----------
    data, dreams : Tensor, shape (cases, n)
        As many of each; with fewer than about a hundred the accuracy is uncertain by more than 0.04.

    Returns
    -------
    AdversarialAccuracy

    Raises
    ------
    InputError
        When the sets differ in size or width, or have fewer than 2 members.

    Notes
    -----
    Source: Yale, Dash, Dutta, Guyon, Pavao & Bennett 2020, "Generation and evaluation of privacy preserving synthetic
    health data", section 3; why both shares are looked at:
    Decelle, Furtlehner & Seoane 2021, appendix.
    """
    if data.shape != dreams.shape or len(data) < 2:
        raise InputError(
            f"as many dreams as data of the same width are needed, at least 2, not {tuple(dreams.shape)} and "
            f"{tuple(data.shape)}"
        )
    across = torch.cdist(data, dreams)
    shares = [_share(torch.cdist(own, own), other) for own, other in ((data, across), (dreams, across.T))]
    return AdversarialAccuracy(*shares)


def _share(within: Tensor, across: Tensor) -> float:
    """Share of a set whose nearest neighbour is of their own kind."""
    within.fill_diagonal_(torch.inf)
    own, other = within.amin(1), across.amin(1)
    return float(((own < other).double() + 0.5 * (own == other).double()).mean())
