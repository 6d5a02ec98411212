"""Chains that climb over the models of training, against exact distributions."""

from dataclasses import replace

import pytest
import torch

from harmonium.errors import InputError
from harmonium.exact import exact_samples
from harmonium.sampling import Trajectory, check_kernel, gibbs
from harmonium.sampling.path import independent
from harmonium.sampling.trajectory import film
from models import PAIRS, small_rbm


class Ladders:
    """A kernel for `check_kernel`: the models below the last start at their exact distributions too."""

    def init(self, rbm, visible):
        generator = torch.Generator().manual_seed(1)
        halfway = rbm.interpolate(small_rbm(rbm.visible.family, rbm.hidden.family, seed=7), 0.5)
        models = [independent(rbm), halfway, rbm]
        self.sampler = Trajectory(models)
        states = [exact_samples(model, len(visible), generator) for model in models[:-1]] + [visible]
        fields = [gibbs.init(model, own).hidden_field for model, own in zip(models, states, strict=True)]
        fresh = self.sampler.init(len(visible), generator)
        return replace(fresh, levels=torch.stack(states), hidden_field=torch.stack(fields))

    def step(self, rbm, state, generator):
        return self.sampler.step(state, generator)


@pytest.mark.parametrize(("visible", "hidden"), PAIRS)
def test_the_last_model_keeps_its_distribution(visible, hidden, generator):
    """False-alarm rate 1e-4 a pair of families."""
    assert check_kernel(Ladders(), small_rbm(visible, hidden), generator, chains=20_000, steps=10).passed


def test_fields_belong_to_the_states_of_their_model(generator):
    models = [independent(small_rbm()), small_rbm(seed=1), small_rbm()]
    trajectory = Trajectory(models)
    state = trajectory.init(50, generator)
    for _ in range(4):
        state = trajectory.step(state, generator)
    for model, states, field in zip(models, state.levels, state.hidden_field, strict=True):
        torch.testing.assert_close(model.hidden_field(states), field)
    assert (state.swap_rates > 0).all()


def test_states_climb_to_a_model_that_gibbs_steps_do_not_explore(generator):
    """One hidden unit that turns all pixels on or off: both modes are met as often as they should; rate 1e-5."""
    models = []
    for coupling in (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0):
        model = small_rbm(n=20, m=1).requires_grad_(False)
        model.weights.fill_(coupling)
        model.visible.bias.fill_(-coupling / 2)  # with the hidden unit on, half the coupling
        model.hidden.bias.fill_(-10 * coupling)  # on half of the time
        models.append(model)
    *_, dreams = film(Trajectory(models), 1000, 200, generator, every=200)
    on = float((dreams.visible.mean(1) > 0.5).double().mean())
    exact = exact_samples(models[-1], 20_000, generator)
    expected = float((exact.mean(1) > 0.5).double().mean())
    assert 0.1 < expected < 0.9
    assert abs(on - expected) < 4.5 * (expected * (1 - expected) * (1 / 1000 + 1 / 20_000)) ** 0.5


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ([small_rbm()], "at least 2 models, not 1"),
        ([independent(small_rbm()), small_rbm(m=4)], "one shape"),
        ([small_rbm(), small_rbm(seed=1)], "zero weights"),
    ],
)
def test_what_is_no_trajectory(models, message):
    with pytest.raises(InputError, match=message):
        Trajectory(models)
