"""Tempering over the models of a training run: chains of all of them exchange states, from the independent model up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from harmonium.errors import InputError
from harmonium.packed import packed_if_faster
from harmonium.rbm import RBM
from harmonium.sampling import gibbs
from harmonium.sampling.dreams import Dreams, check_steps, look
from harmonium.sampling.path import independent_log_partition
from harmonium.sampling.tempering import TemperedState, mark_ends, order_after


class Trajectory:
    r"""Replica exchange between models that were met one after the other in training.

        level k is distributed as P_k;   x_k and x_{k+1} are exchanged with probability
        min(1, exp( F_k(x_k) + F_{k+1}(x_{k+1}) - F_k(x_{k+1}) - F_{k+1}(x_k) ))

    Training goes from the independent model to the last one through phase transitions that are continuous, where
    temperatures meet abrupt ones; so that a state comes from the first, which is sampled exactly, to the last in few
    steps.

    Parameters
    ----------
    models : sequence of RBM
        At least two, of one shape; the first without weights.

    Attributes
    ----------
    models : list of RBM
        As given, laid out for samplers.

    Raises
    ------
    InputError
        When there are fewer than two models, they differ in shape, or the first has weights.

    Examples
    --------
    >>> from harmonium.units import Bernoulli
    >>> rbm, generator = RBM(Bernoulli(6), Bernoulli(3)), torch.Generator().manual_seed(0)
    >>> trajectory = Trajectory([RBM(Bernoulli(6), Bernoulli(3), weights=torch.zeros(6, 3)), rbm])
    >>> trajectory.step(trajectory.init(4, generator), generator).visible.shape
    torch.Size([4, 6])

    Notes
    -----
    Source: Bereux, Decelle, Furtlehner & Seoane 2025, "Fast training and sampling of restricted Boltzmann machines",
    ICLR, section 4.2.
    """

    def __init__(self, models: Sequence[RBM]) -> None:
        if len(models) < 2:
            raise InputError(f"a trajectory needs at least 2 models, not {len(models)}")
        if len({model.weights.shape for model in models}) > 1:
            raise InputError("the models of a trajectory must have one shape")
        if models[0].weights.any():
            raise InputError("the first model of a trajectory must have zero weights, since it is sampled exactly")
        self.models = [packed_if_faster(model) for model in models]

    def base_log_partition(self) -> float:
        """log Z of the first model: the sum of its two layers' own."""
        return independent_log_partition(self.models[0])

    def init(self, ladders: int, generator: torch.Generator) -> TemperedState:
        """Start independent ladders, every level at samples of the first model."""
        first, count = self.models[0], len(self.models)
        field = first.weights.new_zeros(count * ladders, first.visible.size)
        levels = first.visible.sample(field, generator).unflatten(0, (count, ladders))
        fields = torch.stack([model.hidden_field(states) for model, states in zip(self.models, levels, strict=True)])
        bound = mark_ends(torch.full((count, ladders), -1, device=levels.device))
        acceptance = torch.zeros(count - 1, dtype=torch.float64, device=levels.device)
        works = torch.empty(2, 0, ladders, dtype=torch.float64, device=levels.device)
        return TemperedState(levels, fields, bound, works, 0, acceptance, 0)

    @torch.no_grad()
    def step(self, state: TemperedState, generator: torch.Generator) -> TemperedState:
        """Move every chain by one Gibbs sweep of its own model, then let every second pair exchange."""
        chains = [gibbs.GibbsState(*both) for both in zip(state.levels, state.hidden_field, strict=True)]
        chains = [gibbs.step(model, own, generator) for model, own in zip(self.models, chains, strict=True)]
        ladders, device = chains[0].visible.shape[0], state.levels.device
        pairs, bound, acceptance = self.pairs(state.steps), state.bound, state.acceptance.clone()
        works = torch.empty(2, len(pairs), ladders, dtype=torch.float64, device=device)
        swaps = torch.zeros(len(pairs), ladders, dtype=torch.bool, device=device)
        for place, k in enumerate(pairs.tolist()):
            (lower, upper), works[:, place], swaps[place] = self._exchange(k, chains[k], chains[k + 1], generator)
            chains[k], chains[k + 1] = lower, upper
        acceptance[pairs] += (works[0] - works[1]).clamp(max=0).exp().mean(1)
        bound = mark_ends(bound.gather(0, order_after(swaps, pairs, len(self.models))))
        return TemperedState(
            torch.stack([own.visible for own in chains]),
            torch.stack([own.hidden_field for own in chains]),
            bound,
            works,
            state.steps + 1,
            acceptance,
            state.round_trips + int((bound[-1] == 0).sum()),
        )

    def pairs(self, step: int) -> Tensor:
        """Return the lower levels of the pairs that try to exchange at this step: even ones and odd ones in turn."""
        return torch.arange(step % 2, len(self.models) - 1, 2)

    def _exchange(
        self, k: int, lower: gibbs.GibbsState, upper: gibbs.GibbsState, generator: torch.Generator
    ) -> tuple[list[gibbs.GibbsState], Tensor, Tensor]:
        """Let the chains of levels k and k + 1 exchange; return them, the works before it, and which did."""
        below, above = self.models[k : k + 2]
        lower_above, upper_below = gibbs.init(above, lower.visible), gibbs.init(below, upper.visible)
        works = torch.stack(
            [
                (below.free_energy_from_field(*mine) - above.free_energy_from_field(*other)).double()
                for mine, other in ((lower, lower_above), (upper_below, upper))
            ]
        )
        uniform = torch.rand(works.shape[1], dtype=torch.float64, generator=generator, device=works.device)
        swap = uniform < (works[0] - works[1]).clamp(max=0).exp()
        moved = [
            gibbs.GibbsState(*(torch.where(swap[:, None], new, old) for new, old in zip(other, mine, strict=True)))
            for mine, other in ((lower, upper_below), (upper, lower_above))
        ]
        return moved, works, swap


@torch.no_grad()
def film(
    trajectory: Trajectory, count: int, steps: int, generator: torch.Generator, every: int = 1
) -> Iterator[Dreams]:
    """Yield the dreams of the last model after every `every` steps of `count` ladders, and after the last one.

    Raises
    ------
    InputError
        When `steps` or `every` is less than 1.
    """
    check_steps(steps, every)
    state = trajectory.init(count, generator)
    for done in range(1, steps + 1):
        state = trajectory.step(state, generator)
        if done % every == 0 or done == steps:
            yield look(trajectory.models[-1], state.top, generator)[0]
