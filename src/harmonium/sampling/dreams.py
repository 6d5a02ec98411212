"""Dreams: what a model makes up when nothing is shown to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from harmonium.errors import InputError
from harmonium.packed import packed_if_faster
from harmonium.rbm import RBM
from harmonium.sampling import gibbs


class Dreams(NamedTuple):
    """Samples from P(v), approximately: the state of many chains after some Gibbs steps.

    Attributes
    ----------
    visible : Tensor, shape (count, n)
        The sampled states.
    mean : Tensor, shape (count, n)
        E[v | h] of the hidden states that the samples were drawn from: smoother to look at than the samples.
    free_energy : Tensor, shape (count,)
        F(v) of the sampled states, in nats.
    """

    visible: Tensor
    mean: Tensor
    free_energy: Tensor


def look(rbm: RBM, state: gibbs.GibbsState, generator: torch.Generator | None) -> tuple[Dreams, gibbs.GibbsState]:
    """Take the last half-steps so that the means, from which the samples are drawn, can be shown."""
    hidden = rbm.hidden.sample(state.hidden_field, generator)
    field = rbm.visible_field(hidden)
    state = gibbs.init(rbm, rbm.visible.sample(field, generator))
    free_energy = rbm.free_energy_from_field(state.visible, state.hidden_field)
    return Dreams(state.visible, rbm.visible.mean(field), free_energy), state


def check_steps(steps: int, every: int) -> None:
    """Raise `InputError` when one of them is less than 1."""
    if steps < 1 or every < 1:
        raise InputError(f"a dream needs at least 1 step and 1 step between frames, not {steps} and {every}")


@torch.no_grad()
def film(
    rbm: RBM,
    start: gibbs.GibbsState,
    steps: int,
    generator: torch.Generator | None = None,
    every: int = 1,
) -> Iterator[Dreams]:
    """Yield the dreams after every `every` Gibbs steps, and after the last one.

    Parameters
    ----------
    rbm : RBM
        The model.
    start : GibbsState
        Where the chains start: ``gibbs.init(rbm, data)`` or ``gibbs.init_from_noise(rbm, count, generator)``.
    steps : int
        The number of Gibbs steps, at least 1.
    generator : torch.Generator, optional
        The source of randomness.
    every : int
        How many steps lie between two frames.

    Raises
    ------
    InputError
        When `steps` or `every` is less than 1.
    """
    check_steps(steps, every)
    rbm, state = packed_if_faster(rbm), start
    for done in range(0, steps, every):
        state = gibbs.walk(rbm, state, min(every, steps - done) - 1, generator)
        dreams, state = look(rbm, state, generator)
        yield dreams


def dream(rbm: RBM, start: gibbs.GibbsState, steps: int, generator: torch.Generator | None = None) -> Dreams:
    """Return the dreams after `steps` Gibbs steps; the arguments are those of `film`.

    Examples
    --------
    >>> from harmonium.units import Bernoulli
    >>> rbm, generator = RBM(Bernoulli(6), Bernoulli(3)), torch.Generator().manual_seed(0)
    >>> dream(rbm, gibbs.init_from_noise(rbm, 4, generator), 10, generator).visible.shape
    torch.Size([4, 6])
    """
    *_, last = film(rbm, start, steps, generator, every=steps)
    return last
