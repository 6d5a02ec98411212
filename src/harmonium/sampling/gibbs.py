"""Block Gibbs sampling: all hidden units given the visible ones, then all visible units given the hidden ones.

    h ~ P(h | v),   v' ~ P(v | h)

Each half leaves P(v, h) invariant, so the pair does. Source: Smolensky 1986.

Examples
--------
>>> import torch
>>> from harmonium import RBM
>>> from harmonium.sampling import gibbs
>>> from harmonium.units import Bernoulli
>>> rbm, generator = RBM(Bernoulli(6), Bernoulli(3)), torch.Generator().manual_seed(0)
>>> state = gibbs.init_from_noise(rbm, 10, generator)
>>> for _ in range(5):
...     state = gibbs.step(rbm, state, generator)
>>> state.visible.shape
torch.Size([10, 6])
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from harmonium.kernels import states_of_bits
from harmonium.kernels.autograd import no_grad
from harmonium.rbm import RBM

AT_ONCE = 100
"""The most sweeps in one kernel, which Ctrl-C does not interrupt."""


class GibbsState(NamedTuple):
    """Where a set of chains stands.

    Attributes
    ----------
    visible : Tensor, shape (chains, n)
        The visible states.
    hidden_field : Tensor, shape (chains, m)
        W^T v, which both the next step and the closed-form gradient need: kept so that nobody computes it twice.
    """

    visible: Tensor
    hidden_field: Tensor

    @property
    def chains(self) -> GibbsState:
        """The chains of the model itself: these."""
        return self

    def tensors(self) -> dict[str, Tensor]:
        """Return both by their names."""
        return self._asdict()


class GibbsStateInBits:
    """Where chains of binary units stand: as a `GibbsState`, but visible states are bits until somebody asks for them.

    Parameters
    ----------
    bits : Tensor
        Visible states (`harmonium.kernels.bits_for`).
    hidden_field : Tensor, shape (chains, m)
    n : int
        The number of visible units.
    """

    def __init__(self, bits: Tensor, hidden_field: Tensor, n: int) -> None:
        self._bits, self._n, self.hidden_field = bits, n, hidden_field

    @functools.cached_property
    def visible(self) -> Tensor:
        """The visible states (chains, n), float32."""
        return states_of_bits(self._bits, len(self.hidden_field), self._n)

    def __iter__(self) -> Iterator[Tensor]:
        return iter((self.visible, self.hidden_field))

    @property
    def chains(self) -> GibbsStateInBits:
        """The chains of the model itself: these."""
        return self

    def tensors(self) -> dict[str, Tensor]:
        """Return both by their names."""
        return GibbsState(*self).tensors()


@no_grad
def init(rbm: RBM, visible: Tensor) -> GibbsState:
    """Start one chain at each visible state: (chains, n)."""
    return GibbsState(visible, rbm.hidden_field(visible))


@no_grad
def init_from_noise(rbm: RBM, chains: int, generator: torch.Generator | None = None) -> GibbsState:
    """Start chains at samples of the visible layer on its own, as it would be with all weights zero."""
    field = rbm.weights.new_zeros(chains, rbm.visible.size)
    return init(rbm, rbm.visible.sample(field, generator))


@no_grad
def step(rbm: RBM, state: GibbsState, generator: torch.Generator | None = None) -> GibbsState:
    """Move every chain by one sweep: h ~ P(h | v), then v' ~ P(v | h).

    Parameters
    ----------
    rbm : RBM
        The model. Where its weights have changed since `state` was made (as under persistent contrastive divergence),
        h is drawn from the field of the older weights, as if it had been drawn before the change.
    state : GibbsState
        Where the chains stand.
    generator : torch.Generator, optional
        The source of randomness.

    Returns
    -------
    GibbsState
        Where they stand after the sweep; `state` itself is not changed.
    """
    return walk(rbm, state, 1, generator)


@no_grad
def walk(rbm: RBM, state: GibbsState, steps: int, generator: torch.Generator | None = None) -> GibbsState:
    """Move every chain by several sweeps, which may be faster than one after the other.

    Parameters
    ----------
    rbm, state, generator
        As for `step`.
    steps : int
        How many; with none, the chains stay where they are.
    """
    for done in range(0, steps, AT_ONCE):
        state = GibbsState(*rbm.sweep(state.hidden_field, min(AT_ONCE, steps - done), generator))
    return state
