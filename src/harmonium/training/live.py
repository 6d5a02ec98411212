"""The log-likelihood while training goes on: exact for small models, briefly annealed for others."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from harmonium.exact import is_finite
from harmonium.exact.enumeration import count_states
from harmonium.likelihood import brief, exact_log_partition, trail
from harmonium.rbm import RBM
from harmonium.seeds import MEASURE, generator_for
from harmonium.training.settings import Settings

ENUMERATED = 2**12
"""Up to so many states of the smaller finite layer log Z is summed."""

TEMPERATURES, LAST = 300, 1000
"""Temperatures of an estimate, and of the last one of a run."""


class Live(NamedTuple):
    """A live log-likelihood, in nats.

    Attributes
    ----------
    value : float
        The mean of log P(v) over held-out examples.
    error : float
        Its standard error, that of log Z and the choice of the examples together.
    log_partition, log_partition_error : float
        log Z, and its standard error.
    """

    value: float
    error: float
    log_partition: float
    log_partition_error: float


class LiveLikelihood:
    """Estimates of log Z that cost a stated share of the time of training.

    A model with at most 2^12 states of a finite layer is enumerated; others are annealed briefly, in both directions
    (`harmonium.likelihood.brief`). Where training has a ladder of checkpoints, log Z is reckoned from the last of them
    (`harmonium.likelihood.trail`). An estimate is made when the share has paid for it, and at the end.

    Parameters
    ----------
    rbm : RBM
        The model before the first update.
    share : float
        Of the products with the weights that training takes; 0 for no estimate at all.
    examples : Tensor, shape (cases, n)
        Data, whose moments make the base of annealing.
    generator : torch.Generator
        Of this alone: measuring changes nothing in a run.
    """

    def __init__(self, rbm: RBM, share: float, examples: Tensor, generator: torch.Generator) -> None:
        self.share, self.credit = share, 0.0
        self.examples, self.generator = examples, generator
        finite = [count_states(layer) for layer in (rbm.visible, rbm.hidden) if is_finite(layer)]
        self.states = min(finite, default=0)  # 0 for two Gaussian layers, whose Z has a closed form

    def earn(self, products: float) -> None:
        """Take note that training has taken so many products of a case with the weights."""
        self.credit += self.share * products

    def log_partition(self, rbm: RBM, persistent: Any = None, last: bool = False) -> tuple[float, float] | None:
        """Return log Z and its standard error, or None where the share does not allow it yet; the last one is free.

        `persistent` is what the estimator of the gradient keeps; it may have a ladder.
        """
        ladder = persistent is not None and hasattr(persistent, "milestone")
        price = self.states if self.states <= ENUMERATED else trail.cost(5) if ladder else brief.cost(TEMPERATURES)
        if not self.share or (self.credit < price and not last):
            return None
        self.credit = max(0.0, min(self.credit, 2 * price) - price)
        if self.states <= ENUMERATED:
            return float(exact_log_partition(rbm)), 0.0
        if ladder:
            return trail.carry(persistent.milestone(), rbm, persistent.chains.visible, self.generator)
        examples = self.examples.to(rbm.weights)
        return brief.brief_log_partition(rbm, examples, self.generator, LAST if last else TEMPERATURES)

    @torch.no_grad()
    def measure(self, rbm: RBM, held_out: Tensor, persistent: Any = None, last: bool = False) -> Live | None:
        """Return the log-likelihood of held-out examples (cases, n), or None where the share does not allow it yet."""
        found = self.log_partition(rbm, persistent, last)
        if found is None:
            return None
        pieces = [rbm.free_energy(piece.to(rbm.weights)).double() for piece in held_out.split(2000)]
        score = -torch.cat(pieces)
        spread = float(score.std()) / len(score) ** 0.5 if len(score) > 1 else 0.0
        value, error = found
        return Live(float(score.mean()) - value, (error**2 + spread**2) ** 0.5, value, error)

    def tensors(self) -> dict[str, Tensor]:
        """Return everything by a name."""
        return {"generator": self.generator.get_state()}

    def numbers(self) -> dict[str, Any]:
        """Return what is no tensor."""
        return {"credit": self.credit}

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """Put back what `tensors` and `numbers` returned."""
        self.credit = numbers["credit"]
        self.generator.set_state(tensors["generator"])


def make_live(rbm: RBM, settings: Settings, examples: Tensor) -> LiveLikelihood:
    """Return the live log-likelihood of a run that begins at this model, with some training examples (cases, n)."""
    generator = generator_for(settings.seed, MEASURE, 2, device=rbm.weights.device)
    return LiveLikelihood(rbm, settings.likelihood_share, examples, generator)
