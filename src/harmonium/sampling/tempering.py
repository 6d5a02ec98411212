"""Parallel tempering: chains at many temperatures that exchange their states, so that hot ones carry cold ones over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy  # its parts are imported when first used: they take most of a second
import torch
from torch import Tensor

from harmonium.errors import InputError
from harmonium.sampling.gibbs import GibbsState
from harmonium.sampling.path import GeometricPath


@dataclass(frozen=True)
class TemperedState:
    """Where independent ladders of chains stand.

    Attributes
    ----------
    levels : Tensor, shape (levels, ladders, n)
        The visible states; level 0 is the base, the last level the model.
    hidden_field : Tensor, shape (levels, ladders, m)
        The model's field W^T v of each.
    bound : Tensor, shape (levels, ladders), int64
        Which end the state at each place visited last: 1 the model, 0 the base, -1 neither yet.
    works : Tensor, shape (2, pairs, ladders), float64
        F_k - F_{k+1} at the states of level k and at those of level k + 1 for the pairs of the last attempt, before it:
        what an estimate of log Z needs. No pairs before the first step.
    steps : int
        Steps taken; the parity decides which neighbours may exchange next.
    acceptance : Tensor, shape (levels - 1,), float64
        Sum over the attempts of the mean acceptance probability of each pair of neighbours.
    round_trips : int
        How often a state went from the model down to the base and up again, over all ladders.
    """

    levels: Tensor
    hidden_field: Tensor
    bound: Tensor
    works: Tensor
    steps: int
    acceptance: Tensor
    round_trips: int

    @property
    def visible(self) -> Tensor:
        """The states of the model itself, (ladders, n)."""
        return self.levels[-1]

    @property
    def top(self) -> GibbsState:
        """The chains of the model itself."""
        return GibbsState(self.levels[-1], self.hidden_field[-1])

    @property
    def swap_rates(self) -> np.ndarray:
        """Mean acceptance probability of every pair of neighbours, (levels - 1,); NaN before the first attempt."""
        pairs = np.arange(len(self.acceptance))
        attempts = (self.steps + 1 - pairs % 2) // 2  # pair 0 is tried at steps 0, 2, ..., pair 1 at 1, 3, ...
        return np.divide(self.acceptance.cpu().numpy(), attempts, out=np.full(len(pairs), np.nan), where=attempts > 0)


class Tempering:
    r"""Parallel tempering, or replica exchange, along a path of models.

        level k is distributed as P_k;   x_k and x_{k+1} are exchanged with probability
        min(1, exp( F_k(x_k) + F_{k+1}(x_{k+1}) - F_k(x_{k+1}) - F_{k+1}(x_k) ))

    Each step is a Gibbs sweep at every level, then an exchange of every second pair of neighbours: even and odd pairs
    in turn, so that states drift along the ladder instead of diffusing.

    Parameters
    ----------
    path : GeometricPath
        From the base to the model.
    betas : ndarray, shape (levels,)
        Rising from 0 to 1.

    Attributes
    ----------
    path, betas
        As given.
    levels : list of Level
        The models, as they stood when this object was made: where the path's model learns, make a new one.

    Raises
    ------
    InputError
        When the betas do not rise from 0 to 1.

    Notes
    -----
    F_k is the free energy of the model of level k, not beta_k times that of the last one: a hidden unit that is
    summed out depends on beta in its own way, and an exchange with the wrong energy samples a wrong distribution.
    Sources: Swendsen & Wang 1986; Desjardins, Courville, Bengio, Vincent & Delalleau 2010; even and odd pairs in turn,
    Syed, Bouchard-Côté, Deligiannidis & Doucet 2022, "Non-reversible parallel tempering".
    """

    def __init__(self, path: GeometricPath, betas: np.ndarray) -> None:
        if len(betas) < 2 or betas[0] != 0 or betas[-1] != 1 or (np.diff(betas) <= 0).any():
            raise InputError("the temperatures of a ladder must rise from 0 to 1")
        self.path = path
        self.betas = np.asarray(betas, dtype=float)
        self.levels = [path.at(beta) for beta in self.betas]

    def init(self, ladders: int, generator: torch.Generator) -> TemperedState:
        """Start independent ladders, every level at samples of the base."""
        visible = self.path.sample_base(len(self.betas) * ladders, generator)
        return self.init_from(visible.unflatten(0, (len(self.betas), ladders)))

    def init_from(self, levels: Tensor) -> TemperedState:
        """Start at these states: (levels, ladders, n)."""
        count, ladders = levels.shape[:2]
        bound = torch.full((count, ladders), -1, device=levels.device)
        acceptance = torch.zeros(count - 1, dtype=torch.float64, device=levels.device)
        works = torch.empty(2, 0, ladders, dtype=torch.float64, device=levels.device)
        return TemperedState(levels, self.path.rbm.hidden_field(levels), mark_ends(bound), works, 0, acceptance, 0)

    @torch.no_grad()
    def step(self, state: TemperedState, generator: torch.Generator) -> TemperedState:
        """Move every chain by one Gibbs sweep under its own model, then let every second pair exchange."""
        levels, field = self.path.step_levels(state.hidden_field, self.levels, generator)
        pairs = self.pairs(state.steps)
        works = self._works(levels, field, pairs)
        probability = (works[0] - works[1]).clamp(max=0).exp()
        uniform = torch.rand(probability.shape, dtype=torch.float64, generator=generator, device=levels.device)
        order = order_after(uniform < probability, pairs, len(levels))
        ladder = torch.arange(levels.shape[1], device=levels.device)
        bound = state.bound[order, ladder]
        acceptance = state.acceptance.clone()
        acceptance[pairs] += probability.mean(1)
        return TemperedState(
            levels[order, ladder],
            field[order, ladder],
            mark_ends(bound),
            works,
            state.steps + 1,
            acceptance,
            state.round_trips + int((bound[-1] == 0).sum()),
        )

    def pairs(self, step: int) -> Tensor:
        """Return the lower levels of the pairs that try to exchange at this step: even ones and odd ones in turn."""
        return torch.arange(step % 2, len(self.betas) - 1, 2)

    def _works(self, levels: Tensor, field: Tensor, pairs: Tensor) -> Tensor:
        """F_k - F_{k+1} at the states of both levels of each pair: (2, pairs, ladders), float64."""
        works = levels.new_empty(2, len(pairs), levels.shape[1], dtype=torch.float64)
        for place, k in enumerate(pairs.tolist()):
            both = slice(k, k + 2)
            lower, upper = (level.free_energy(levels[both], field[both]) for level in self.levels[both])
            works[:, place] = lower - upper
        return works


def order_after(swap: Tensor, pairs: Tensor, levels: int) -> Tensor:
    """Return which level each place takes its state from: (pairs, ladders) -> (levels, ladders)."""
    order = torch.arange(levels, device=swap.device)[:, None].repeat(1, swap.shape[1])
    order[pairs] += swap.long()
    order[pairs + 1] -= swap.long()
    return order


def mark_ends(bound: Tensor) -> Tensor:
    """Note which end each state stands at, if it stands at one; a state that was never at the model counts no trip."""
    marked = bound.clone()
    marked[0] = torch.where(bound[0] == 1, 0, bound[0])
    marked[-1] = 1
    return marked


def equalised(betas: np.ndarray, swap_rates: np.ndarray, levels: int) -> np.ndarray:
    """Return betas between which all pairs of neighbours would be rejected alike.

    The sum of the rejection rates up to a beta is nearly independent of where the other betas stand, so that equal
    steps of it, found by monotone interpolation, equalise the rates.

    Parameters
    ----------
    betas : ndarray
        Those of a ladder, from 0 to 1.
    swap_rates : ndarray, shape (len(betas) - 1,)
        As observed with them.
    levels : int
        How many to return.

    Notes
    -----
    Source: Syed, Bouchard-Côté, Deligiannidis & Doucet 2022, section 5.
    """
    barrier = np.concatenate([[0.0], np.cumsum(np.maximum(1 - swap_rates, 1e-3))])
    moved = scipy.interpolate.PchipInterpolator(barrier, betas)(np.linspace(0, barrier[-1], levels))
    moved[0], moved[-1] = 0.0, 1.0
    return moved
