"""Up-down fine-tuning of a whole stack, generative and recognition weights apart: wake-sleep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from harmonium.data import Batches
from harmonium.deep.bound import log_conditional
from harmonium.deep.dbn import DBN
from harmonium.errors import InputError
from harmonium.gradients import PersistentContrastiveDivergence, state_statistics, write_gradient
from harmonium.gradients.directed import write_downward_gradient, write_upward_gradient
from harmonium.sampling import GibbsState, gibbs
from harmonium.seeds import UP_DOWN, generator_for
from harmonium.training import Materials


@dataclass(frozen=True)
class UpDown:
    """How a stack is fine-tuned.

    Attributes
    ----------
    epochs : int
    batch_size : int
    learning_rate : float
        Where it starts; it falls linearly to 0.
    steps : int
        Gibbs steps that the chains in the top RBM take for every batch, before their states go down.
    seed : int

    Raises
    ------
    InputError
        When a number is out of range.
    """

    epochs: int = 20
    batch_size: int = 100
    learning_rate: float = 0.01
    steps: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "steps"):
            if getattr(self, name) < 1:
                raise InputError(f"{name.replace('_', ' ')} is {getattr(self, name)}, but must be at least 1")
        if not 0 < self.learning_rate < 1e6:
            raise InputError(f"the learning rate is {self.learning_rate:g}, but must be a positive number")


@dataclass(frozen=True)
class UpDownRecord:
    """One epoch.

    Attributes
    ----------
    epoch : int
        From 1.
    wake, sleep : float
        Mean log P(v | x_1) and log Q(x_1 | v) of the last batch, in nats: what the two lowest layers say of each other.
    """

    epoch: int
    wake: float
    sleep: float


def up_down(dbn: DBN, data: Materials, settings: UpDown) -> Iterator[UpDownRecord]:
    r"""Fine-tune an untied stack in place; yields a record after every epoch.

    For every batch: up, sampling x_1, ..., x_{L-1} from Q, and the generative weights learn to bring back each layer
    from the one above; some Gibbs steps of chains in the top RBM, which learns from them; down from where these are,
    and the recognition weights learn to bring back each layer from the one below. The chains start at the first batch
    and go on from batch to batch: the source starts them anew at each (contrastive divergence), after which the dreams
    of long chains are no longer of their class.

        wake    d log P(x_k | x_{k+1})   at states from Q
        sleep   d log Q(x_{k+1} | x_k)   at states from P

    Parameters
    ----------
    dbn : DBN
        Of `DBN.untied`.
    data : Materials
        Of the data, with labels beside them where the top has some (`layer_materials` with no layers below).
    settings : UpDown

    Raises
    ------
    InputError
        When the stack is tied: up and down would pull at the same weights.

    Notes
    -----
    Source: Hinton, Osindero & Teh 2006, section 5 and appendix B.
    """
    if dbn.tied and len(dbn.layers) > 1:
        raise InputError("up-down learning needs weights of their own for up and down: give it dbn.untied()")
    generator = generator_for(settings.seed, UP_DOWN)
    size = min(settings.batch_size, len(data.train))
    batches = Batches(data.train, data.preparation, size, settings.seed, dbn.top.weights.device)
    parameters = [p.requires_grad_() for rbm in (*dbn.layers, *dbn.recognition) for p in rbm.parameters()]
    optimizer = torch.optim.SGD(parameters, settings.learning_rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 1e-3, settings.epochs * len(batches))
    chains = None
    for epoch in range(settings.epochs):
        for batch in batches.epoch(epoch, generator):
            optimizer.zero_grad(set_to_none=True)
            chains, said = _write_gradients(dbn, batch, chains, settings.steps, generator)
            optimizer.step()
            schedule.step()
        if not all(bool(torch.isfinite(p).all()) for p in parameters):
            raise InputError(f"up-down learning diverged in epoch {epoch + 1}: lower the learning rate")
        yield UpDownRecord(epoch + 1, *said)


@torch.no_grad()
def _write_gradients(
    dbn: DBN, batch: Tensor, chains: GibbsState | None, steps: int, generator: torch.Generator
) -> tuple[GibbsState, tuple[float, float]]:
    """Write ``.grad`` of the whole stack for a batch, its labels in the last columns.

    Returns the chains, some steps on, and what a record says.
    """
    width = dbn.sizes[0]
    wake = dbn.ascend(batch[:, :width], generator)
    for rbm, below, above in zip(dbn.layers, wake, wake[1:], strict=False):
        write_downward_gradient(rbm, below, above)
    top = gibbs.init(dbn.top, torch.cat([wake[-1], batch[:, width:]], 1))
    chains = top if chains is None else gibbs.init(dbn.top, chains.visible)  # the weights have moved since
    estimator = PersistentContrastiveDivergence(steps, len(chains.visible))
    model, chains = estimator.model_statistics(dbn.top, top, chains, generator)
    write_gradient(dbn.top, state_statistics(dbn.top, top), model)
    states = chains.visible[:, : dbn.sizes[-2]]
    for generative, recognition in zip(dbn.layers[-2::-1], dbn.recognition[::-1], strict=True):
        below = generative.sample_visible_given_hidden(states, generator)
        write_upward_gradient(recognition, below, states)
        states = below
    if len(wake) == 1:
        return chains, (0.0, 0.0)
    down, up = dbn.layers[0], dbn.recognition[0]
    return chains, (
        float(log_conditional(down.visible, wake[0], down.visible_field(wake[1])).mean()),
        float(log_conditional(up.hidden, wake[1], up.hidden_field(wake[0])).mean()),
    )
