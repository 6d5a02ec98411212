"""log Z carried along a sequence of models, as training makes them: particles follow, and their weights say what Z does."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from harmonium.packed import packed_if_faster
from harmonium.rbm import RBM
from harmonium.sampling import gibbs
from harmonium.sampling.path import independent_log_partition

GROUPS, MEMBERS = 10, 50
"""Groups of particles that never meet, so that their spread is an honest error; and how many there are in each."""

STRIDE = 0.25
"""The largest deviation of the log-weights that one level should bring, in nats."""

SWEEPS = 3
"""Gibbs sweeps at each level."""


@dataclass(frozen=True)
class TrailState:
    """Where the particles stand.

    Attributes
    ----------
    model : RBM
        The model that they have followed to, a copy.
    visible : Tensor, shape (GROUPS * MEMBERS, n)
        The particles, those of one group together.
    log_weights : Tensor, shape (GROUPS, MEMBERS), float64
        Since the last resampling of their group.
    log_partitions : Tensor, shape (GROUPS,), float64
        Each group's estimate of log Z up to then.
    """

    model: RBM
    visible: Tensor
    log_weights: Tensor
    log_partitions: Tensor

    def estimates(self) -> Tensor:
        """Return each group's estimate of log Z now: (GROUPS,), float64."""
        return self.log_partitions + _log_mean_exp(self.log_weights)

    @property
    def value(self) -> float:
        """log of the mean of the groups' estimates of Z, in nats."""
        return float(_log_mean_exp(self.estimates()))

    @property
    def error(self) -> float:
        """The standard error of it, from the spread of the groups."""
        return float(self.estimates().std()) / math.sqrt(GROUPS)

    def tensors(self) -> dict[str, Tensor]:
        """Return everything by a name."""
        own = {"visible": self.visible, "log_weights": self.log_weights, "log_partitions": self.log_partitions}
        return own | {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}

    def restored(self, tensors: dict[str, Tensor]) -> TrailState:
        """Return the state of these tensors, for a model of the same kind."""
        model = copy.deepcopy(self.model)
        model.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
        own = {name: tensors[name].to(model.weights.device) for name in ("visible", "log_weights", "log_partitions")}
        return TrailState(model, **own)


@torch.no_grad()
def init(base: RBM, generator: torch.Generator) -> TrailState:
    """Start at a model without weights, whose samples are independent and whose log Z is known."""
    count = GROUPS * MEMBERS
    visible = base.visible.sample(base.weights.new_zeros(count, base.visible.size), generator)
    zeros = torch.zeros(GROUPS, MEMBERS, dtype=torch.float64, device=visible.device)
    known = torch.full((GROUPS,), independent_log_partition(base), dtype=torch.float64, device=visible.device)
    return TrailState(copy.deepcopy(base), visible, zeros, known)


@torch.no_grad()
def step(state: TrailState, rbm: RBM, generator: torch.Generator, most_levels: int = 400) -> tuple[TrailState, int]:
    r"""Follow from the last model to this one; return the state there, and how many levels it took.

        for models P_0 = last, P_1, ..., P_K = new, evenly spaced on the line between their parameters:
        log w += F_{k-1}(v) - F_k(v),   then Gibbs sweeps under P_k;   a group whose weights have become uneven is resampled

    This is annealed importance sampling along the way that training took, with resampling: each group's estimate of Z is
    unbiased however slowly the particles mix (Del Moral, Doucet & Jasra 2006), so that log Z is, in expectation, too low
    rather than too high.

    Parameters
    ----------
    state : TrailState
    rbm : RBM
        The model as it is now, of the same kind; it is copied.
    generator : torch.Generator
    most_levels : int
        At the most so many levels; fewer are taken where the models differ little.
    """
    last, visible = state.model, state.visible
    before = last.free_energy(visible)
    spread = float((before - rbm.free_energy(visible)).std())
    levels = max(1, min(most_levels, math.ceil(spread / STRIDE)))
    for k in range(1, levels + 1):
        model = packed_if_faster(rbm.interpolate(last, k / levels))
        chains = gibbs.init(model, visible)
        after = model.free_energy_from_field(*chains)
        change = (before - after).double().view(GROUPS, MEMBERS)
        state, chosen = _resampled(replace(state, log_weights=state.log_weights + change), generator)
        chains = gibbs.GibbsState(*(part[chosen] for part in chains))
        for _ in range(SWEEPS):
            chains = gibbs.step(model, chains, generator)
        visible, before = chains.visible, model.free_energy_from_field(*chains)
    return replace(state, model=copy.deepcopy(rbm), visible=visible), levels


def cost(levels: int) -> int:
    """Return about how many products of a case with the weights so many levels take."""
    return GROUPS * MEMBERS * (2 * SWEEPS + 2) * levels


def _resampled(state: TrailState, generator: torch.Generator) -> tuple[TrailState, Tensor]:
    """Resample, systematically, every group whose effective size has fallen below half; say who is whose copy."""
    weights = torch.softmax(state.log_weights, 1)
    uneven = weights.square().sum(1).reciprocal() < MEMBERS / 2
    shift = torch.rand(GROUPS, 1, dtype=torch.float64, generator=generator, device=weights.device)
    positions = (torch.arange(MEMBERS, device=weights.device) + shift) / MEMBERS
    chosen = torch.searchsorted(weights.cumsum(1), positions).clamp_(max=MEMBERS - 1)
    members = torch.arange(MEMBERS, device=weights.device).expand(GROUPS, -1)
    chosen = torch.where(uneven[:, None], chosen, members)
    first = torch.arange(GROUPS, device=weights.device)[:, None] * MEMBERS
    moved = torch.where(uneven, state.log_partitions + _log_mean_exp(state.log_weights), state.log_partitions)
    left = torch.where(uneven[:, None], 0.0, state.log_weights)
    return replace(state, log_weights=left, log_partitions=moved), (first + chosen).flatten()


def _log_mean_exp(x: Tensor) -> Tensor:
    return x.logsumexp(-1) - math.log(x.shape[-1])
