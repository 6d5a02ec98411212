import pytest
import torch

from harmonium.sampling import check_kernel, gibbs
from models import PAIRS, small_rbm

pairs = pytest.mark.parametrize(("visible", "hidden"), PAIRS)


@pairs
@pytest.mark.parametrize("seed", range(3))
def test_gibbs_keeps_the_exact_distribution(visible, hidden, seed):
    """The stationarity test. 12 runs at 1e-5 each: a correct sampler fails the suite once in 8,000 seeds."""
    rbm = small_rbm(visible, hidden, coupling=1.5, seed=seed)
    check = check_kernel(gibbs, rbm, torch.Generator().manual_seed(seed), chains=20_000, steps=5, false_alarm_rate=1e-5)
    assert check.passed, check
    assert check.moved > 0.05


@pairs
def test_the_state_carries_the_field_of_its_visible_states(visible, hidden, generator):
    rbm = small_rbm(visible, hidden)
    state = gibbs.step(rbm, gibbs.init_from_noise(rbm, 6, generator), generator)
    assert torch.equal(state.hidden_field, rbm.hidden_field(state.visible))


def test_a_step_changes_nothing_of_the_old_state(generator):
    rbm = small_rbm()
    state = gibbs.init_from_noise(rbm, 6, generator)
    before = [tensor.clone() for tensor in state]
    gibbs.step(rbm, state, generator)
    assert all(torch.equal(*pair) for pair in zip(before, state, strict=True))


@pairs
def test_a_walk_is_so_many_steps(visible, hidden):
    rbm, seeded = small_rbm(visible, hidden), torch.Generator
    start = gibbs.init_from_noise(rbm, 6, seeded().manual_seed(0))
    state, generator = start, seeded().manual_seed(1)
    for _ in range(3):
        state = gibbs.step(rbm, state, generator)
    walked = gibbs.walk(rbm, start, 3, seeded().manual_seed(1))
    assert all(torch.equal(*pair) for pair in zip(walked, state, strict=True))
    assert gibbs.walk(rbm, start, 0) is start
