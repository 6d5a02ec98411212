"""The log-likelihood while training goes on: exact for small models, carried along the way for others."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from harmonium.exact import is_finite
from harmonium.exact.enumeration import count_states
from harmonium.likelihood import exact_log_partition, trail
from harmonium.rbm import RBM
from harmonium.sampling.path import independent
from harmonium.seeds import MEASURE, generator_for
from harmonium.training.settings import Settings

ENUMERATED = 2**12
"""Up to so many states of the smaller finite layer log Z is summed."""

ENOUGH = trail.cost(20)
"""More credit than this is not saved up."""


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

    A model with at most 2^12 states of a finite layer is enumerated. For others particles follow the model from
    measurement to measurement (`harmonium.likelihood.trail`), through as many levels as that takes; then there is no
    estimate until the share has paid for it.

    Parameters
    ----------
    rbm : RBM
        The model before the first update.
    share : float
        Of the products with the weights that training takes; 0 for no estimate at all.
    generator : torch.Generator
        Of this alone: measuring changes nothing in a run.
    """

    def __init__(self, rbm: RBM, share: float, generator: torch.Generator) -> None:
        self.share, self.credit, self.generator = share, 0.0, generator
        finite = [count_states(layer) for layer in (rbm.visible, rbm.hidden) if is_finite(layer)]
        self.states = min(finite, default=0)  # 0 for two Gaussian layers, whose Z has a closed form
        self.trail = None if self.exact or not share else trail.init(independent(rbm), generator)

    @property
    def exact(self) -> bool:
        """Whether log Z is summed."""
        return self.states <= ENUMERATED

    def earn(self, products: float) -> None:
        """Take note that training has taken so many products of a case with the weights."""
        self.credit += self.share * products

    def log_partition(self, rbm: RBM, persistent: Any = None, last: bool = False) -> tuple[float, float] | None:
        """Return log Z and its standard error, or None where the share does not allow it yet; the last one is free.

        `persistent` is what the estimator of the gradient keeps: its chains are near the equilibrium of the model, and
        a ladder of checkpoints is a better place to reckon from than the last measurement.
        """
        if not self.share or (self.credit <= 0 and not last):
            return None
        if self.trail is None:
            self.credit = min(self.credit, self.states) - self.states
            return float(exact_log_partition(rbm)), 0.0
        settled = persistent is not None and getattr(persistent, "equilibrium", True)
        chains = persistent.chains.visible if settled else None
        begin = persistent.trail() if hasattr(persistent, "trail") else self.trail
        self.trail, levels = trail.step(begin, rbm, self.generator, chains)
        self.credit = min(self.credit, ENOUGH) - trail.cost(levels, settled)
        return self.trail.value, self.trail.error

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
        own = {} if self.trail is None else self.trail.tensors()
        return own | {"generator": self.generator.get_state()}

    def numbers(self) -> dict[str, Any]:
        """Return what is no tensor."""
        return {"credit": self.credit} | ({} if self.trail is None else self.trail.numbers())

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """Put back what `tensors` and `numbers` returned."""
        self.credit = numbers["credit"]
        self.generator.set_state(tensors["generator"])
        if self.trail is not None:
            self.trail = self.trail.restored(tensors, numbers)


def make_live(rbm: RBM, settings: Settings) -> LiveLikelihood:
    """Return the live log-likelihood of a run that begins at this model."""
    generator = generator_for(settings.seed, MEASURE, 2, device=rbm.weights.device)
    return LiveLikelihood(rbm, settings.likelihood_share, generator)
