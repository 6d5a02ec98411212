"""Tempered chains against exact distributions, and exchanges against detailed balance."""

import numpy as np
import pytest
import torch

from harmonium.errors import InputError
from harmonium.exact import exact_samples
from harmonium.sampling import GeometricPath, Tempering, check_kernel
from harmonium.sampling.path import independent
from harmonium.sampling.tempering import equalised
from models import PAIRS, small_rbm

BETAS = np.array([0.0, 0.4, 0.7, 1.0])


class Ladders:
    """A kernel for `check_kernel`: the levels below the model start at their exact distributions too."""

    def __init__(self, seed=1, tempering=Tempering):
        self.generator, self.tempering = torch.Generator().manual_seed(seed), tempering

    def init(self, rbm, visible):
        path = GeometricPath(rbm)
        below = [
            exact_samples(rbm.interpolate(independent(rbm), beta), len(visible), self.generator) for beta in BETAS[:-1]
        ]
        self.sampler = self.tempering(path, BETAS)
        return self.sampler.init_from(torch.stack([*below, visible]))

    def step(self, rbm, state, generator):
        return self.sampler.step(state, generator)


class WrongEnergy(Tempering):
    """Exchanges by beta F_1(v), as if the hidden units were not summed out: the fault that one peer has."""

    def _works(self, levels, field, pairs):
        rbm, works = self.path.rbm, []
        for side in (0, 1):
            energies = rbm.free_energy_from_field(levels[pairs + side], field[pairs + side])
            betas = torch.as_tensor(self.betas)
            works.append(energies * (betas[pairs] - betas[pairs + 1])[:, None])
        return torch.stack(works)


@pytest.mark.parametrize(("visible", "hidden"), PAIRS)
def test_the_model_keeps_its_distribution(visible, hidden, generator):
    """False-alarm rate 1e-4 a pair of families."""
    assert check_kernel(Ladders(), small_rbm(visible, hidden), generator, chains=20_000, steps=10).passed


def test_every_level_keeps_its_distribution(generator):
    """The level at beta = 0.4, looked at instead of the model."""

    whole = small_rbm(coupling=1.5)

    class Second(Ladders):
        def init(self, rbm, visible):
            levels = super().init(whole, exact_samples(whole, len(visible), generator)).levels.clone()
            levels[1] = visible
            return self.show(self.sampler.init_from(levels))

        def show(self, state):
            self.state = state
            return type("Shown", (), {"visible": state.levels[1]})

        def step(self, rbm, state, generator):
            return self.show(self.sampler.step(self.state, generator))

    level = whole.interpolate(independent(whole), 0.4)
    assert check_kernel(Second(), level, generator, chains=20_000, steps=10).passed


def test_exchanges_with_the_wrong_energy_are_found_out(generator):
    wrong = Ladders(tempering=WrongEnergy)
    assert not check_kernel(wrong, small_rbm(coupling=2.0), generator, chains=20_000, steps=10).passed


def test_exchanges_obey_detailed_balance(generator):
    """P_k(x) P_{k+1}(y) min(1, r) = P_k(y) P_{k+1}(x) min(1, 1/r), for every pair of states, from free energies of
    interpolated models."""
    rbm = small_rbm(coupling=1.5)
    x, y = exact_samples(rbm, 50, generator), exact_samples(independent(rbm), 50, generator)
    sampler = Tempering(GeometricPath(rbm), BETAS)
    lower, upper = (rbm.interpolate(independent(rbm), beta) for beta in BETAS[1:3])
    pairs = torch.tensor([1])

    def rate(a, b):
        levels = torch.stack([a, a, b, b])
        works = sampler._works(levels, rbm.hidden_field(levels), pairs)
        probability = (works[0] - works[1]).clamp(max=0)[0]
        return probability - lower.free_energy(a) - upper.free_energy(b)

    torch.testing.assert_close(rate(x, y), rate(y, x))


def test_states_travel_and_are_counted(generator):
    sampler = Tempering(GeometricPath(small_rbm(coupling=0.5)), BETAS)
    state = sampler.init(50, generator)
    for _ in range(100):
        state = sampler.step(state, generator)
    assert state.visible.shape == (50, 4)
    assert ((state.swap_rates > 0.3) & (state.swap_rates <= 1)).all()
    # No journey of three levels there and back takes fewer than 6 steps, and 4 states travel in each of 50 ladders.
    assert 50 < state.round_trips < 50 * 4 * 100 / 6
    torch.testing.assert_close(state.hidden_field, small_rbm(coupling=0.5).hidden_field(state.levels))


def test_exchanges_move_states_and_never_copy_or_lose_them(generator):
    sampler = Tempering(GeometricPath(small_rbm()), BETAS)
    state = sampler.init(30, generator)
    numbered = torch.arange(4 * 30).view(4, 30)
    sampler.path.step_levels = lambda field, levels, generator: (state.levels, field)  # nothing moves but by exchange
    marked = type(state)(**{**vars(state), "hidden_field": numbered[..., None].double().expand(-1, -1, 3) / 1000})
    after = (1000 * sampler.step(marked, generator).hidden_field[..., 0]).round().long()
    assert after.flatten().sort().values.equal(numbered.flatten())
    assert (after % 30 == numbered % 30).all()  # within their ladder
    assert not after.equal(numbered)


def test_equalised_temperatures_are_rejected_alike(generator):
    path, betas = GeometricPath(small_rbm(n=12, m=8, coupling=1.0)), np.linspace(0, 1, 8) ** 3
    spreads = []
    for _ in range(4):
        sampler = Tempering(path, betas)
        state = sampler.init(100, generator)
        for _ in range(200):
            state = sampler.step(state, generator)
        spreads.append(state.swap_rates.std())
        betas = equalised(betas, state.swap_rates, 8)
    assert spreads[-1] < 0.3 * spreads[0]
    assert len(betas) == 8
    assert betas[0] == 0
    assert betas[-1] == 1


@pytest.mark.parametrize("betas", [[0.0], [0.1, 1.0], [0.0, 0.9], [0.0, 0.5, 0.5, 1.0]])
def test_temperatures_must_rise_from_0_to_1(betas):
    with pytest.raises(InputError, match="must rise from 0 to 1"):
        Tempering(GeometricPath(small_rbm()), np.array(betas))
