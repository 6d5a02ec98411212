"""Parallel trajectory tempering: chains exchange states with samples of a model met earlier in training."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from harmonium.diagnostics import autocorrelation_time
from harmonium.gradients.closed_form import Statistics, state_statistics
from harmonium.likelihood.bounds import bennett_ratio
from harmonium.likelihood.trail import PARTICLES, Milestone
from harmonium.packed import PackedRBM, packed_if_faster
from harmonium.rbm import RBM
from harmonium.sampling import GibbsState, gibbs
from harmonium.sampling.path import independent, independent_log_partition

RESERVOIR, FEWEST = 50, 10
"""So many samples of the last checkpoint for every chain, where memory allows, and the fewest. With ten, as in the
source, the shares of clusters, which only exchanges change, drift by the errors of so small a sample."""

ROOM = 2**24
"""A reservoir holds at most so many numbers, 64 MiB, or the fewest samples; every checkpoint on the disk has it too."""

FREEZE, LOST = 0.3, 0.03
"""Below the first rate of exchange the model becomes the next checkpoint; below the second it has gone too far."""

FOLLOW = 0.1
"""How fast the observed rate of exchange follows."""

CAREFUL = 100
"""For so many updates steps are halved after the model went too far."""

WATCH, LONGEST = 50, 10
"""Sweeps in which the autocorrelation time is measured, and the longest one that is waited for."""

LADDER = "ladder."
"""What the names of the frozen models' parameters begin with."""


@dataclass(frozen=True)
class TrajectoryState:
    """Where the chains stand, and the ladder of frozen models.

    Attributes
    ----------
    chains : GibbsState
        The chains of the model.
    ladder : tuple of RBM
        The frozen models, from the independent one to the last checkpoint.
    reservoir : Tensor, shape (samples, n)
        Samples of the last checkpoint, which exchanges change in place.
    log_partition, variance : float
        log Z of the last checkpoint, carried along the ladder, and its variance.
    rate : float
        The observed rate of exchange, a moving average.
    careful : int
        For how many updates steps are still halved.
    """

    chains: GibbsState
    ladder: tuple[RBM, ...]
    reservoir: Tensor
    log_partition: float
    variance: float
    rate: float = 1.0
    careful: int = 0

    @property
    def checkpoint(self) -> RBM:
        """The last frozen model."""
        return self.ladder[-1]

    @property
    def scale(self) -> float:
        """A factor on the next step."""
        return 0.5 if self.careful else 1.0

    def milestone(self) -> Milestone:
        """Return the checkpoint as a place to reckon log Z from."""
        chosen = torch.arange(PARTICLES, device=self.reservoir.device) % len(self.reservoir)
        return Milestone(self.checkpoint, self.reservoir[chosen], self.log_partition, self.variance)

    def report(self) -> dict[str, float]:
        """Return the rate of exchange and the number of checkpoints."""
        return {"swap_rate": self.rate, "checkpoints": float(len(self.ladder))}

    def tensors(self) -> dict[str, Tensor]:
        """Return everything by a name; the parameters of the frozen models stacked."""
        numbers = [self.log_partition, self.variance, self.rate, self.careful]
        own = {
            **self.chains.tensors(),
            "reservoir": self.reservoir,
            "numbers": torch.tensor(numbers, dtype=torch.float64),
        }
        frozen = [model.state_dict() for model in self.ladder]
        return own | {f"{LADDER}{name}": torch.stack([each[name] for each in frozen]) for name in frozen[0]}


@dataclass(frozen=True)
class TrajectoryTempering:
    r"""PTT: tempering over the models of training instead of temperatures.

    Each update every chain x of the live model may change places with a random sample y of the last checkpoint:

        accepted with probability  min(1, exp( (F_live(x) - F_ck(x)) - (F_live(y) - F_ck(y)) ))

    The ladder begins at the independent model, which is sampled exactly and whose log Z is known. When exchanges become
    rare the live model is frozen as the next checkpoint: its reservoir is collected from chains that go on exchanging
    with the reservoir before, after five autocorrelation times and two apart, and log Z is carried over by Bennett's
    ratio of the two reservoirs. A model that went too far to be judged goes back to the checkpoint, and takes half
    steps for a while.

    Parameters
    ----------
    steps : int
        Gibbs steps an update.
    chains : int
        The number of chains; the reservoir has fifty times as many, or fewer where these take more than 64 MiB.
    freeze : float
        The rate of exchange below which the model becomes the next checkpoint.

    Notes
    -----
    Source: Bereux, Decelle, Furtlehner & Seoane 2025, "Fast training and sampling of restricted Boltzmann machines",
    ICLR, section 4; the reservoirs and thresholds as in RestrictedBoltzmannMachines.jl.
    """

    steps: int = 1
    chains: int = 100
    freeze: float = FREEZE

    def init(self, rbm: RBM, generator: torch.Generator) -> TrajectoryState:
        """Start at the independent model: its samples are independent, and its log Z is known."""
        first = copy.deepcopy(independent(rbm)).requires_grad_(False)
        samples = self.chains * _samples_a_chain(self.chains, rbm.visible.size)
        reservoir = first.visible.sample(rbm.weights.new_zeros(samples, rbm.visible.size), generator)
        chains = gibbs.init_from_noise(rbm, self.chains, generator)
        return TrajectoryState(chains, (first,), reservoir, independent_log_partition(first), 0.0)

    @torch.no_grad()
    def model_statistics(
        self, rbm: RBM, data: GibbsState, state: TrajectoryState, generator: torch.Generator
    ) -> tuple[Statistics, TrajectoryState]:
        """Return the statistics of the chains after k steps and an exchange."""
        chains = gibbs.walk(rbm, state.chains, self.steps, generator)
        state, accepted = _exchanged(rbm, replace(state, chains=chains), generator)
        rate = state.rate + FOLLOW * (accepted - state.rate)
        state = replace(state, rate=rate, careful=max(0, state.careful - 1))
        if accepted < self.freeze:
            state = _gone_back(rbm, state, generator) if accepted < LOST else _frozen(rbm, state, generator)
        return state_statistics(rbm, state.chains), state

    def restored(self, rbm: RBM, tensors: dict[str, Tensor]) -> TrajectoryState:
        """Return the state of these tensors."""
        tensors = {name: tensor.to(rbm.weights.device) for name, tensor in tensors.items()}
        log_partition, variance, rate, careful = tensors["numbers"].tolist()
        chains = GibbsState(tensors["visible"], tensors["hidden_field"])
        ladder = ladder_of(rbm, tensors)
        return TrajectoryState(chains, ladder, tensors["reservoir"], log_partition, variance, rate, int(careful))


def ladder_of(rbm: RBM, tensors: dict[str, Tensor]) -> tuple[RBM, ...]:
    """Return the frozen models, of the families and sizes of `rbm`, from the tensors of a `TrajectoryState`."""
    stacked = {name.removeprefix(LADDER): part for name, part in tensors.items() if name.startswith(LADDER)}
    ladder = []
    for place in range(len(stacked["weights"])):
        model = copy.deepcopy(independent(rbm)).requires_grad_(False)
        model.load_state_dict({name: part[place] for name, part in stacked.items()})
        ladder.append(model)
    return tuple(ladder)


def _samples_a_chain(chains: int, n: int) -> int:
    """Return how many samples the reservoir has for each of so many chains of n units."""
    return max(FEWEST, min(RESERVOIR, ROOM // (chains * n)))


def _exchanged(rbm: RBM, state: TrajectoryState, generator: torch.Generator) -> tuple[TrajectoryState, float]:
    """Let every chain try to change places with a sample of the checkpoint; return the share that did."""
    count, device = len(state.chains.visible), state.reservoir.device
    chosen = torch.randperm(len(state.reservoir), generator=generator, device=device)[:count]
    mine, theirs = state.chains, gibbs.init(rbm, state.reservoir[chosen])
    live = [rbm.free_energy_from_field(*states) for states in (mine, theirs)]
    frozen = [state.checkpoint.free_energy(states.visible) for states in (mine, theirs)]
    odds = ((live[0] - frozen[0]) - (live[1] - frozen[1])).clamp(max=0).exp()
    swap = torch.rand(count, generator=generator, device=device) < odds
    state.reservoir[chosen] = torch.where(swap[:, None], mine.visible, theirs.visible)  # in place: it is large
    chains = GibbsState(*(torch.where(swap[:, None], new, old) for new, old in zip(theirs, mine, strict=True)))
    return replace(state, chains=chains), float(odds.mean())


def _frozen(rbm: RBM, state: TrajectoryState, generator: torch.Generator) -> TrajectoryState:
    """Make the live model the next checkpoint, with a reservoir and a log Z of its own."""
    plain = RBM(rbm.visible, rbm.hidden, weights=rbm.weights.detach())
    frozen = packed_if_faster(copy.deepcopy(plain).requires_grad_(False))
    state = replace(state, chains=gibbs.init(frozen, state.chains.visible))
    energies = []
    for _ in range(WATCH):
        state = _sweep(frozen, state, generator)
        energies.append(frozen.free_energy_from_field(*state.chains).cpu())
    time = math.ceil(min(LONGEST, autocorrelation_time(torch.stack(energies).double().numpy())))
    for _ in range(max(0, 5 * time - WATCH)):
        state = _sweep(frozen, state, generator)
    collected = []
    for _ in range(_samples_a_chain(*state.chains.visible.shape)):
        for _ in range(2 * time):
            state = _sweep(frozen, state, generator)
        collected.append(state.chains.visible.clone())
    reservoir = torch.cat(collected)
    works = [
        (state.checkpoint.free_energy(visible) - frozen.free_energy(visible)).double().cpu().numpy()
        for visible in (state.reservoir, reservoir)
    ]
    groups = [bennett_ratio(works[0][k::10], works[1][k::10]) for k in range(10)]
    return TrajectoryState(
        gibbs.init(rbm, state.chains.visible),
        (*state.ladder, copy.deepcopy(plain).requires_grad_(False)),
        reservoir,
        state.log_partition + bennett_ratio(*works),
        state.variance + float(np.var(groups, ddof=1)) / 10,
        careful=state.careful,
    )


def _sweep(rbm: RBM, state: TrajectoryState, generator: torch.Generator) -> TrajectoryState:
    """Move the chains by a Gibbs step and an exchange."""
    state = replace(state, chains=gibbs.step(rbm, state.chains, generator))
    return _exchanged(rbm, state, generator)[0]


def _gone_back(rbm: RBM, state: TrajectoryState, generator: torch.Generator) -> TrajectoryState:
    """Put the checkpoint's parameters back, let the chains be samples of it, and be careful for a while."""
    rbm.load_state_dict(state.checkpoint.state_dict())
    if isinstance(rbm, PackedRBM):
        rbm.refresh()
    chosen = torch.randperm(len(state.reservoir), generator=generator, device=state.reservoir.device)
    chains = gibbs.init(rbm, state.reservoir[chosen[: len(state.chains.visible)]])
    return replace(state, chains=chains, rate=1.0, careful=CAREFUL)
