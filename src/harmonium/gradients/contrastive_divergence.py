"""Contrastive divergence: the sampling of the model term starts at the training examples."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harmonium.gradients.closed_form import Statistics, state_statistics
from harmonium.rbm import RBM
from harmonium.sampling import GibbsState, gibbs


@dataclass(frozen=True)
class ContrastiveDivergence:
    """CD-k: the model term is taken at v' after k Gibbs steps from each example of the batch.

    Biased, since v' is still near the data, but with little variance. Source: Hinton 2002, "Training products of
    experts by minimizing contrastive divergence".

    Parameters
    ----------
    steps : int
        The number of Gibbs steps k.
    """

    steps: int = 1

    def init(self, rbm: RBM, generator: torch.Generator) -> None:
        """Return None: no chain persists."""
        return

    def model_statistics(
        self, rbm: RBM, data: GibbsState, state: None, generator: torch.Generator
    ) -> tuple[Statistics, None]:
        """Return the statistics after k steps from the data."""
        return state_statistics(rbm, gibbs.walk(rbm, data, self.steps, generator)), None

    def restored(self, rbm: RBM, tensors: dict[str, Tensor]) -> None:
        """Return None."""
        return
