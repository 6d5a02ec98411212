"""Fast-weights PCD: the chains see the weights and a second, quickly forgetting copy that drives them on."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from harmonium.gradients.closed_form import Statistics, state_statistics
from harmonium.rbm import RBM
from harmonium.sampling import GibbsState, gibbs

DECAY = 0.95
"""What is left of the fast parameters after an update (Tieleman & Hinton 2009, section 3)."""


@dataclass(frozen=True)
class FastState:
    """The chains, and the fast part of every parameter by its name."""

    chains: GibbsState
    fast: dict[str, Tensor]

    def tensors(self) -> dict[str, Tensor]:
        """Return everything by a name."""
        return {**self.chains.tensors(), **{f"fast.{name}": part for name, part in self.fast.items()}}


@dataclass(frozen=True)
class FastWeights:
    r"""FPCD: persistent chains of a model whose parameters are theta + phi.

        phi <- 19/20 phi + rate (data statistics - model statistics)

    Where a chain stays, phi raises the energy, so that it leaves; phi fades, and so does its bias. Source: Tieleman &
    Hinton 2009, "Using fast weights to improve persistent contrastive divergence".

    Parameters
    ----------
    steps : int
        Gibbs steps an update.
    chains : int
        The number of chains.
    rate : float
        The learning rate of the fast parameters, which does not fall.
    """

    steps: int = 1
    chains: int = 100
    rate: float = 0.01

    def init(self, rbm: RBM, generator: torch.Generator) -> FastState:
        """Start the chains at samples of the visible layer on its own, and the fast parameters at 0."""
        fast = {name: torch.zeros_like(part) for name, part in rbm.state_dict().items()}
        return FastState(gibbs.init_from_noise(rbm, self.chains, generator), fast)

    @torch.no_grad()
    def model_statistics(
        self, rbm: RBM, data: GibbsState, state: FastState, generator: torch.Generator
    ) -> tuple[Statistics, FastState]:
        """Return the statistics of the chains after k more steps, and move the fast parameters on."""
        driven = RBM(copy.deepcopy(rbm.visible), copy.deepcopy(rbm.hidden), weights=rbm.weights + state.fast["weights"])
        for name, parameter in driven.named_parameters():
            if name != "weights":
                parameter.add_(state.fast[name])
        chains = gibbs.walk(driven, gibbs.init(driven, state.chains.visible), self.steps, generator)
        model, seen = state_statistics(driven, chains), state_statistics(rbm, data)
        fast = {"weights": self._moved(state.fast["weights"], seen.weights, model.weights)}
        for layer, of_data, of_model in (
            ("visible", seen.visible, model.visible),
            ("hidden", seen.hidden, model.hidden),
        ):
            for name, part in of_data.items():
                fast[f"{layer}.{name}"] = self._moved(state.fast[f"{layer}.{name}"], part, of_model[name])
        return model, FastState(chains, fast)

    def _moved(self, fast: Tensor, data: Tensor, model: Tensor) -> Tensor:
        return DECAY * fast + self.rate * (data - model)

    def restored(self, rbm: RBM, tensors: dict[str, Tensor]) -> FastState:
        """Return the state of these tensors."""
        tensors = {name: tensor.to(rbm.weights.device) for name, tensor in tensors.items()}
        fast = {name.removeprefix("fast."): part for name, part in tensors.items() if name.startswith("fast.")}
        return FastState(GibbsState(tensors["visible"], tensors["hidden_field"]), fast)
