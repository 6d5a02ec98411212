"""Fine-tuning: a network that was a stack learns the labels."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from harmonium.deep.centred import CentredNetwork
from harmonium.deep.classifier import as_floats, error_of
from harmonium.errors import InputError
from harmonium.kernels import multiplies_bfloat16
from harmonium.seeds import TUNE, generator_for

WIDE = 200
"""Where all hidden layers have so many units, inputs are left out by default, and examples moved."""

GUESSED = 4
"""So many examples with a guessed label are in a batch for each whose label is known."""

SAMPLE, TINY = 5000, 1e-30
"""About so many examples are looked at for means and for the spread; and the smallest length of a gradient."""


@dataclass(frozen=True)
class Tuning:
    """How a classifier is fine-tuned.

    Attributes
    ----------
    epochs : int
        Passes over the training examples at the most.
    batch_size : int
    learning_rate : float
        Where it starts; it falls linearly to a hundredth.
    momentum : float
    weight_decay : float
        L2 on all weights.
    dropout, input_dropout : float
        See `to_torch`; what is left out takes its mean. Of the inputs by default 0.2 where every hidden layer has 200
        units or more, and none in smaller networks. Leaving out hidden units too makes learning slow.
    patience : int
        End after so many epochs without a lower validation error; the best network is kept.
    adversarial : float
        How far every example is moved against its class before it is learned once more, as a share of the spread of the
        inputs, the root of their summed variances; 0 for not at all. By default 0.25 where every hidden layer has 200
        units or more, and 0 in smaller networks. Sources: Goodfellow, Shlens & Szegedy 2015, "Explaining and harnessing
        adversarial examples"; a step of one length for all inputs together, Miyato, Dai & Goodfellow 2017.
    guess_weight : float
        What examples whose label is guessed (`spread_labels`) count beside those whose label is known.
    seed : int

    Raises
    ------
    InputError
        When a number is out of range.
    """

    epochs: int = 60
    batch_size: int = 100
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    dropout: float = 0.0
    input_dropout: float | None = None
    adversarial: float | None = None
    patience: int = 15
    guess_weight: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            if getattr(self, name) < 1:
                raise InputError(f"{name.replace('_', ' ')} is {getattr(self, name)}, but must be at least 1")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise InputError(f"the learning rate is {self.learning_rate:g}, but must be a positive number")
        for name in ("weight_decay", "guess_weight", "adversarial"):
            value = getattr(self, name) or 0.0
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{name.replace('_', ' ')} is {value:g}, but must be 0 or a positive number")
        for name in ("momentum", "dropout", "input_dropout"):
            if not 0 <= (getattr(self, name) or 0) < 1:
                raise InputError(f"the {name.replace('_', ' ')} is {getattr(self, name):g}, not in [0, 1)")

    def decided(self, sizes: Sequence[int], cases: int) -> Tuning:
        """Return the same with what hidden layers of these sizes are to have, and no batch larger than the data."""
        wide = min(sizes) >= WIDE
        return replace(
            self,
            batch_size=min(self.batch_size, cases),
            input_dropout=(0.2 if wide else 0.0) if self.input_dropout is None else self.input_dropout,
            adversarial=(0.25 if wide else 0.0) if self.adversarial is None else self.adversarial,
        )


@dataclass(frozen=True)
class Tuned:
    """One epoch of fine-tuning.

    Attributes
    ----------
    epoch : int
        From 1.
    loss : float
        Mean cross-entropy of the training examples while they passed, in nats.
    validation_error : float
        Share of wrong classes among the validation examples.
    best : bool
        Whether that is the lowest so far.
    seconds : float
        Since the beginning.
    """

    epoch: int
    loss: float
    validation_error: float
    best: bool
    seconds: float


def fine_tune(
    network: nn.Sequential,
    train: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor],
    tuning: Tuning,
    guessed: tuple[Tensor, Tensor] | None = None,
) -> Generator[Tuned, None, None]:
    """Train a network on labelled examples by stochastic gradient descent; it holds the best parameters at the end.

    Descent is that of a `CentredNetwork`, whose means are measured anew after every epoch.

    Parameters
    ----------
    network : nn.Sequential
        Of `to_torch`, changed in place.
    train, validation : (Tensor, Tensor)
        Inputs (cases, n), bytes that stand for 0 to 1 or floats, and classes (cases,).
    tuning : Tuning
    guessed : (Tensor, Tensor), optional
        More inputs (cases, n) and guesses of their classes: an epoch is then one pass over these, and each batch has
        four times as many of them as examples whose class is known.

    Yields
    ------
    Tuned
        After every epoch.
    """
    generator, clock = generator_for(tuning.seed, TUNE), time.perf_counter()
    batches = _Batches(train, guessed, tuning.batch_size)
    some = _sample((train if guessed is None else guessed)[0])
    centred = CentredNetwork(network, some)
    objective = _Objective.of(centred, tuning, some)
    groups: list[dict[str, Any]] = [
        {"params": centred.weights, "weight_decay": tuning.weight_decay},
        {"params": centred.offsets},
    ]
    optimizer = torch.optim.SGD(groups, tuning.learning_rate, tuning.momentum, nesterov=tuning.momentum > 0, fused=True)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, tuning.epochs * len(batches))
    best, lowest, waited = copy.deepcopy(network.state_dict()), math.inf, 0
    try:
        for epoch in range(1, tuning.epochs + 1):
            total = torch.zeros(())
            for batch in batches.epoch(generator):
                optimizer.zero_grad(set_to_none=True)
                total += objective.add_gradient(batch, generator) * batch.known
                optimizer.step()
                schedule.step()
            if not bool(torch.isfinite(total)):
                raise InputError("fine-tuning diverged: lower the learning rate")
            centred.recentre(some)
            wrong = error_of(network, *validation)
            better = wrong < lowest
            waited = 0 if better else waited + 1
            if better:
                best, lowest = copy.deepcopy(network.state_dict()), wrong
            yield Tuned(epoch, float(total) / batches.known, wrong, better, time.perf_counter() - clock)
            if waited >= tuning.patience:
                break
    finally:  # also where nobody wants more epochs
        network.load_state_dict(best)
        network.eval()


def _sample(inputs: Tensor) -> Tensor:
    """Return about `SAMPLE` of the inputs, as floats."""
    return as_floats(inputs[:: max(1, len(inputs) // SAMPLE)])


class _Batch(NamedTuple):
    """Inputs and classes, of which the first so many are known and the others guessed."""

    inputs: Tensor
    classes: Tensor
    known: int


@dataclass(frozen=True)
class _Batches:
    """The batches of an epoch: examples whose class is known, and where there are any, guessed ones after them."""

    train: tuple[Tensor, Tensor]
    guessed: tuple[Tensor, Tensor] | None
    size: int

    def __len__(self) -> int:
        """Return the number of updates in an epoch."""
        own = math.ceil(len(self.train[0]) / self.size)
        return own if self.guessed is None else max(own, len(self.guessed[0]) // (GUESSED * self.size))

    @property
    def known(self) -> int:
        """How many examples whose class is known pass in an epoch."""
        return len(self.train[0]) if self.guessed is None else len(self) * self.size

    def epoch(self, generator: torch.Generator) -> Iterator[_Batch]:
        """Yield the batches, in an order drawn from the generator."""
        pieces = _shuffled(len(self.train[0]), self.known, generator).split(self.size)
        if self.guessed is None:
            yield from (_Batch(self.train[0][rows], self.train[1][rows], len(rows)) for rows in pieces)
            return
        others = _shuffled(len(self.guessed[0]), len(self) * GUESSED * self.size, generator)
        for rows, more in zip(pieces, others.split(GUESSED * self.size), strict=True):
            inputs, classes = (
                torch.cat([own[rows], other[more]]) for own, other in zip(self.train, self.guessed, strict=True)
            )
            yield _Batch(inputs, classes, len(rows))


def _shuffled(count: int, wanted: int, generator: torch.Generator) -> Tensor:
    """Return `wanted` of the numbers below `count`, each as often as any other, give or take one."""
    rounds = math.ceil(wanted / count)
    return torch.cat([torch.randperm(count, generator=generator) for _ in range(rounds)])[:wanted]


@dataclass(frozen=True)
class _Objective:
    """What fine-tuning minimises: the cross-entropy of a batch, and of the batch moved against its classes.

        J = L(x) + L(x + r),    r = radius * dL/dx / |dL/dx|

    where L weighs the examples with a guessed class by `guess_weight`, and x + r stays within the range of the inputs.
    """

    network: CentredNetwork
    guess_weight: float
    radius: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, network: CentredNetwork, tuning: Tuning, some: Tensor) -> _Objective:
        """Measure the spread and the range of a sample of the inputs."""
        radius = (tuning.adversarial or 0.0) * float(some.var(0, correction=0).sum().sqrt())
        return cls(network, tuning.guess_weight, radius, float(some.min()), float(some.max()))

    def add_gradient(self, batch: _Batch, generator: torch.Generator) -> Tensor:
        """Add the gradient to ``.grad``; return the mean cross-entropy of the examples whose class is known, ()."""
        inputs = as_floats(batch.inputs).requires_grad_(self.radius > 0)
        loss = self._backward(batch._replace(inputs=inputs), generator)
        if inputs.grad is not None:
            direction = inputs.grad / inputs.grad.norm(dim=1, keepdim=True).clamp_(min=TINY)
            moved = inputs.detach() + self.radius * direction
            moved.clamp_(self.lowest, self.highest)
            self._backward(batch._replace(inputs=moved), generator)
        return loss

    def _backward(self, batch: _Batch, generator: torch.Generator) -> Tensor:
        loss, of_guesses = _losses(self.network, batch, generator)
        (loss + self.guess_weight * of_guesses).backward()
        return loss.detach()


def _losses(network: CentredNetwork, batch: _Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the mean cross-entropy of the examples whose class is known, the first ones, and that of the others."""
    device = batch.inputs.device.type
    with torch.autocast(device, torch.bfloat16, enabled=multiplies_bfloat16()):  # where it is faster
        logits = network(batch.inputs, generator)
    each = nn.functional.cross_entropy(logits.float(), batch.classes, reduction="none")
    return each[: batch.known].mean(), each[batch.known :].mean() if batch.known < len(each) else torch.zeros(())
