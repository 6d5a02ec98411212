"""Parallel tempering: the chains of the model exchange states with chains at higher temperatures."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from harmonium.gradients.closed_form import Statistics, state_statistics
from harmonium.rbm import RBM
from harmonium.sampling import GeometricPath, GibbsState, TemperedState, Tempering, base_of_states
from harmonium.sampling.path import independent
from harmonium.sampling.tempering import equalised

LEVELS = 10
"""How many temperatures a ladder has."""

TUNING = 100
"""After so many updates the temperatures are moved, and the base is made to fit anew."""


@dataclass(frozen=True)
class LadderState:
    """Where the ladders stand: the chains at all levels, the inverse temperatures, the base."""

    tempered: TemperedState
    betas: Tensor
    base: RBM

    @property
    def chains(self) -> GibbsState:
        """The chains of the model itself."""
        return self.tempered.top

    def report(self) -> dict[str, float]:
        """Return the smallest swap rate and the round trips since the temperatures were moved last."""
        rates = self.tempered.swap_rates
        return {
            "swap_rate": float(np.nanmin(rates)) if np.isfinite(rates).any() else float("nan"),
            "round_trips": float(self.tempered.round_trips),
        }

    def tensors(self) -> dict[str, Tensor]:
        """Return everything by a name."""
        t = self.tempered
        counts = torch.tensor([t.steps, t.round_trips])
        own = {"levels": t.levels, "hidden_field": t.hidden_field, "bound": t.bound, "acceptance": t.acceptance}
        base = {f"base.{name}": part for name, part in self.base.state_dict().items()}
        return own | base | {"counts": counts, "betas": self.betas}


@dataclass(frozen=True)
class ParallelTempering:
    """PT: the model term is taken at the top of ladders that carry hot states, which move freely, to the model.

    Every hundred updates the temperatures are moved until all pairs of neighbours exchange alike, and the base takes
    over the moments of the chains. Source: Desjardins, Courville, Bengio, Vincent & Delalleau 2010.

    Parameters
    ----------
    steps : int
        Sweeps and exchanges an update.
    chains : int
        The number of ladders, and so of chains of the model.
    levels : int
        Temperatures of a ladder, both ends included.
    """

    steps: int = 1
    chains: int = 100
    levels: int = LEVELS

    def init(self, rbm: RBM, generator: torch.Generator) -> LadderState:
        """Start every level at samples of the visible layer on its own."""
        betas = np.linspace(0, 1, self.levels)
        base = copy.deepcopy(independent(rbm)).requires_grad_(False)
        tempered = Tempering(GeometricPath(rbm, base), betas).init(self.chains, generator)
        return LadderState(tempered, torch.from_numpy(betas), base)

    @torch.no_grad()
    def model_statistics(
        self, rbm: RBM, data: GibbsState, state: LadderState, generator: torch.Generator
    ) -> tuple[Statistics, LadderState]:
        """Return the statistics of the top chains after k more steps of the ladders."""
        state = self._tuned(rbm, state) if state.tempered.steps >= TUNING * self.steps else state
        tempering, tempered = Tempering(GeometricPath(rbm, state.base), state.betas.numpy()), state.tempered
        for _ in range(self.steps):
            tempered = tempering.step(tempered, generator)
        return state_statistics(rbm, tempered.top), replace(state, tempered=tempered)

    def _tuned(self, rbm: RBM, state: LadderState) -> LadderState:
        """Move the temperatures, fit the base, and count anew."""
        betas = equalised(state.betas.numpy(), np.nan_to_num(state.tempered.swap_rates), self.levels)
        base = base_of_states(rbm, state.tempered.visible)
        fresh = Tempering(GeometricPath(rbm, base), betas).init_from(state.tempered.levels)
        return LadderState(fresh, torch.from_numpy(betas), base)

    def restored(self, rbm: RBM, tensors: dict[str, Tensor]) -> LadderState:
        """Return the state of these tensors."""
        device = rbm.weights.device
        tensors = {name: tensor.to(device) for name, tensor in tensors.items()}
        steps, trips = tensors["counts"].tolist()
        works = torch.empty(2, 0, tensors["levels"].shape[1], dtype=torch.float64, device=device)
        levels, field, bound = (tensors[name] for name in ("levels", "hidden_field", "bound"))
        tempered = TemperedState(levels, field, bound, works, steps, tensors["acceptance"], trips)
        base = copy.deepcopy(independent(rbm)).requires_grad_(False)
        base.load_state_dict({k.removeprefix("base."): v for k, v in tensors.items() if k.startswith("base.")})
        return LadderState(tempered, tensors["betas"].cpu(), base)
