"""Chains of tempering and of trajectories sample the model; fast weights at rate 0 are PCD."""

import pytest
import torch

from harmonium import RBM
from harmonium.exact import exact_samples
from harmonium.gradients import PersistentContrastiveDivergence, exact_model_statistics, make_estimator
from harmonium.gradients.fast_weights import FastWeights
from harmonium.gradients.tempered import ParallelTempering
from harmonium.gradients.trajectory import TrajectoryState, TrajectoryTempering
from harmonium.likelihood import exact_log_partition
from harmonium.sampling import gibbs
from harmonium.units import Bernoulli
from models import PAIRS, random_states, small_rbm

pairs = pytest.mark.parametrize(("visible", "hidden"), PAIRS)


def followed(estimator, rbm, generator, updates, state=None):
    """Return the statistics and the state after some updates in which nothing is learned."""
    data = gibbs.init(rbm, random_states(rbm.visible, 2, generator))
    state = estimator.init(rbm, generator) if state is None else state
    for _ in range(updates):
        statistics, state = estimator.model_statistics(rbm, data, state, generator)
    return statistics, state


def assert_near(estimate, exact, cases):
    """Means of `cases` terms of unit size: six standard errors of at most 1.5, false alarms below 1e-5."""
    bound = 6 * 1.5 / cases**0.5
    assert torch.all((estimate.weights - exact.weights).abs() < bound)
    assert torch.all((estimate.visible["bias"] - exact.visible["bias"]).abs() < bound)


@pairs
@pytest.mark.parametrize("method", ["pt", "ptt"])
def test_long_chains_give_the_exact_model_term(method, visible, hidden, generator):
    rbm = small_rbm(visible, hidden, coupling=0.7).requires_grad_(False)
    statistics, state = followed(make_estimator(method, 10, 3000), rbm, generator, 30)
    assert state.chains.visible.shape == (3000, 4)
    assert_near(statistics, exact_model_statistics(rbm), 3000)
    assert 0 < state.report()["swap_rate"] <= 1


def test_reservoirs_are_large_where_memory_allows(generator):
    for n, chains, samples in ((6, 20, 50), (4096, 100, 40), (4096, 500, 10)):
        state = TrajectoryTempering(1, chains).init(RBM(Bernoulli(n), Bernoulli(2)), generator)
        assert state.reservoir.shape == (samples * chains, n)


def test_exchanges_with_a_checkpoint_keep_both_distributions(generator):
    """Chains and reservoir start at the exact distributions, and both are still there; false alarms below 1e-5."""
    rbm, other = (small_rbm(seed=seed).requires_grad_(False) for seed in (0, 1))
    chains, reservoir = exact_samples(rbm, 20_000, generator), exact_samples(other, 200_000, generator)
    state = TrajectoryState(gibbs.init(rbm, chains), (other,), reservoir, 0.0, 0.0)
    statistics, state = followed(TrajectoryTempering(1, 20_000), rbm, generator, 20, state)
    assert len(state.ladder) == 1
    assert_near(statistics, exact_model_statistics(rbm), 20_000)
    expected = exact_model_statistics(other).visible["bias"]
    assert ((state.reservoir.mean(0) - expected).abs() < 6 * 0.5 / 200_000**0.5).all()


def test_log_z_is_carried_along_the_checkpoints(generator):
    """The model wanders off until checkpoints are frozen; log Z within four standard errors and 0.05 of exact."""
    rbm = small_rbm(n=12, m=6, coupling=0.0).requires_grad_(False)
    estimator = TrajectoryTempering(2, 200)
    state = estimator.init(rbm, generator)
    data = gibbs.init(rbm, random_states(rbm.visible, 2, generator))
    step = torch.randn(12, 6, generator=generator, dtype=torch.float64)
    for _ in range(150):
        rbm.weights += 0.02 * step
        _, state = estimator.model_statistics(rbm, data, state, generator)
    assert len(state.ladder) > 2
    found = state.milestone()
    assert abs(found.value - float(exact_log_partition(found.model))) < 4 * found.variance**0.5 + 0.05


def test_a_model_that_leaps_goes_back(generator):
    rbm = small_rbm(n=30, m=20, coupling=0.0).requires_grad_(False)
    estimator = TrajectoryTempering(1, 100)
    state = estimator.init(rbm, generator)
    data = gibbs.init(rbm, random_states(rbm.visible, 2, generator))
    before = rbm.visible.bias.clone()
    rbm.visible.bias += 20 * torch.where(torch.arange(30) % 2 == 0, 1, -1)
    _, state = estimator.model_statistics(rbm, data, state, generator)
    assert torch.equal(rbm.visible.bias, before)  # that of the checkpoint
    assert state.scale == 0.5
    _, state = estimator.model_statistics(rbm, data, state, generator)
    assert state.report()["swap_rate"] > 0.5


def test_fast_weights_at_rate_0_are_pcd():
    rbm = small_rbm().requires_grad_(False)
    ends = [
        followed(estimator, rbm, torch.Generator().manual_seed(2), 5)[1].chains.visible
        for estimator in (FastWeights(2, 50, rate=0.0), PersistentContrastiveDivergence(2, 50))
    ]
    assert torch.equal(*ends)


def test_fast_weights_drive_chains_away_from_where_they_are(generator):
    """They hold what the chains have more of than the data with a negative sign, and fade without a difference."""
    rbm = small_rbm(coupling=0.0).requires_grad_(False)
    data = gibbs.init(rbm, torch.ones(50, 4, dtype=torch.float64))
    estimator = FastWeights(1, 50, rate=0.1)
    state = estimator.init(rbm, generator)
    _, state = estimator.model_statistics(rbm, data, state, generator)
    assert (state.fast["visible.bias"] > 0).all()


def test_temperatures_are_tuned_after_some_updates(generator):
    rbm = small_rbm(n=8, m=8, coupling=1.5).requires_grad_(False)
    _, state = followed(ParallelTempering(1, 50), rbm, generator, 150)
    betas = state.betas.numpy()
    assert betas[0] == 0
    assert betas[-1] == 1
    assert (betas[1:] > betas[:-1]).all()
    assert state.tempered.steps < 100
