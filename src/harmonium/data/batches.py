"""Batches of visible states, in an order that the seed and the epoch alone decide."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from harmonium.data.cases import Cases
from harmonium.data.preparation import Preparation
from harmonium.errors import InputError
from harmonium.seeds import EPOCH_ORDER, generator_for


@dataclass(frozen=True)
class Batches:
    """The training examples in batches, shuffled anew in every epoch.

    Attributes
    ----------
    cases : Cases
        The examples.
    preparation : Preparation
        What is done to each batch.
    batch_size : int
        Examples a batch; the last batch of an epoch may be smaller.
    seed : int
        Decides the order.
    device : torch.device
        Where the batches are needed.

    Raises
    ------
    InputError
        When the batch size is less than 1 or more than the number of examples.
    """

    cases: Cases
    preparation: Preparation
    batch_size: int
    seed: int
    device: torch.device

    def __post_init__(self) -> None:
        if not 1 <= self.batch_size <= len(self.cases):
            raise InputError(
                f"the batch size is {self.batch_size}, but must be from 1 to the number of training examples, "
                f"{len(self.cases)}"
            )

    def __len__(self) -> int:
        """Return the number of batches, and so of updates, in an epoch."""
        return math.ceil(len(self.cases) / self.batch_size)

    def epoch(self, epoch: int, generator: torch.Generator, start: int = 0) -> Iterator[Tensor]:
        """Yield the batches of one epoch, each (size, n) float32, from batch number `start` on.

        Parameters
        ----------
        epoch : int
            The number of the epoch, from 0.
        generator : torch.Generator
            The source of the binary states where they are sampled.
        start : int
            How many batches to pass over: those of an epoch that was interrupted.
        """
        of_epoch = generator_for(self.seed, EPOCH_ORDER, epoch)
        order = torch.randperm(len(self.cases), generator=of_epoch)
        cases = self.cases.in_epoch(of_epoch)
        for positions in order[start * self.batch_size :].split(self.batch_size):
            yield self.preparation.prepare(cases.take(positions).to(self.device), generator)
