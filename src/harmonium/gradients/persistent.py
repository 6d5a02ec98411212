"""Persistent contrastive divergence: the chains of the model term go on from update to update."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harmonium.gradients.closed_form import Statistics, state_statistics
from harmonium.rbm import RBM
from harmonium.sampling import GibbsState, gibbs


@dataclass(frozen=True)
class PersistentContrastiveDivergence:
    """PCD-k, or stochastic maximum likelihood: the model term is taken at chains that take k steps an update.

    Sources: Younes 1989; Tieleman 2008.

    Parameters
    ----------
    steps : int
        The number of Gibbs steps k an update.
    chains : int
        The number of chains, whatever the batch size.
    """

    steps: int = 1
    chains: int = 100

    def init(self, rbm: RBM, generator: torch.Generator) -> GibbsState:
        """Start the chains at samples of the visible layer on its own."""
        return gibbs.init_from_noise(rbm, self.chains, generator)

    def model_statistics(
        self, rbm: RBM, data: GibbsState, state: GibbsState, generator: torch.Generator
    ) -> tuple[Statistics, GibbsState]:
        """Return the statistics of the chains after k more steps; where there are too few, copies of some join them."""
        missing = self.chains - len(state.visible)
        if missing > 0:
            device = state.visible.device
            copied = torch.randint(len(state.visible), (missing,), generator=generator, device=device)
            state = GibbsState(*(torch.cat([part, part[copied]]) for part in state))
        state = gibbs.walk(rbm, state, self.steps, generator)
        return state_statistics(rbm, state), state

    def restored(self, rbm: RBM, tensors: dict[str, Tensor]) -> GibbsState:
        """Return the chains."""
        return GibbsState(**{name: tensors[name].to(rbm.weights.device) for name in GibbsState._fields})
