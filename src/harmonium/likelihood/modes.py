"""A search for modes that annealing may have missed."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.exact import is_finite, layer_states
from harmonium.exact.enumeration import count_states
from harmonium.rbm import RBM
from harmonium.sampling import gibbs
from harmonium.sampling.path import GeometricPath
from harmonium.units import Units

EVERY = 2**12
"""Up to how many states a layer has for the search to start from all of them."""


@torch.no_grad()
def find_modes(
    path: GeometricPath, examples: Tensor, generator: torch.Generator, *, most: int = 8, sweeps: int = 100
) -> Tensor:
    """Return visible states at distinct local maxima of probability, the most probable first: (at most `most`, n).

    From many starts the most probable h given v and v given h are taken in turn until nothing changes: the limit of
    Gibbs sampling at zero temperature. The starts are meant to be as different as can be: the given states, the base,
    every state of a small hidden layer, and of each layer every unit alone and all but it, nothing, everything, and
    random mixtures of all densities.

    Parameters
    ----------
    path : GeometricPath
        Its model is searched.
    examples : Tensor, shape (cases, n)
        States to start from too: ends of annealing runs, data.
    generator : torch.Generator
    most : int
        How many modes are returned.
    sweeps : int
        After how many sweeps a start is given up as it is.
    """
    rbm = path.rbm
    visible = torch.cat([examples, path.sample_base(64, generator), _starts(rbm, generator)])
    for _ in range(sweeps):
        hidden = rbm.hidden.mode(rbm.hidden_field(visible))
        after = rbm.visible.mode(rbm.visible_field(hidden))
        if torch.equal(after, visible):
            break
        visible = after
    return _distinct(rbm, visible, most)


def _starts(rbm: RBM, generator: torch.Generator) -> Tensor:
    """Return visible states from all or extreme and random configurations of either layer."""
    tops, bottoms = (_configurations(layer, rbm, generator) for layer in (rbm.hidden, rbm.visible))
    return torch.cat([rbm.visible.mode(rbm.visible_field(tops)), bottoms])


def _configurations(layer: Units, rbm: RBM, generator: torch.Generator) -> Tensor:
    """Return all states of a small finite layer, and extremes of any other."""
    if is_finite(layer) and count_states(layer) <= EVERY:
        return layer_states(layer).to(rbm.weights)
    return _extremes(layer.size, rbm, generator)


def _extremes(size: int, rbm: RBM, generator: torch.Generator, most: int = 256) -> Tensor:
    """Return states of a layer: single units on, single units off, none, all, and random ones of all densities."""
    single = torch.eye(size)[torch.randperm(size, generator=generator)[:most]]
    density = torch.rand(most, 1, generator=generator)
    random = (torch.rand(most, size, generator=generator) < density).float()
    both = torch.cat([single, 1 - single, torch.zeros(1, size), torch.ones(1, size), random])
    return both.to(rbm.weights)


def _distinct(rbm: RBM, visible: Tensor, most: int) -> Tensor:
    """Return the states of least free energy that differ from each other in more than a few units."""
    visible = visible.unique(dim=0)  # many starts end in the same place
    order = rbm.free_energy(visible).argsort()
    chosen: list[Tensor] = []
    scale = rbm.visible.variance(rbm.weights.new_zeros(rbm.visible.size)).sqrt()
    for candidate in visible[order]:
        differences = [((candidate - other).abs() > 0.5 * scale).double().mean() for other in chosen]
        if all(difference > 0.02 for difference in differences):
            chosen.append(candidate)
        if len(chosen) == most:
            break
    return torch.stack(chosen)


@torch.no_grad()
def around(rbm: RBM, mode: Tensor, chains: int, steps: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Run chains from one mode; return where they end (chains, n), and the last states of all (several chains, n)."""
    state = gibbs.init(rbm, mode.expand(chains, -1).contiguous())
    seen = []
    for step in range(steps):
        state = gibbs.step(rbm, state, generator)
        if step >= steps - 8:
            seen.append(state.visible)
    return state.visible, torch.cat(seen)
