"""Annealing against enumeration: coverage of the bracket, traps, and the parts one by one."""

import numpy as np
import pytest
import torch
from scipy import stats

from harmonium import RBM
from harmonium.errors import InputError
from harmonium.exact import exact_samples
from harmonium.likelihood import base_of_states, exact_log_partition, log_partition
from harmonium.likelihood.annealing import anneal, anneal_back
from harmonium.likelihood.bounds import (
    bennett_error,
    bennett_ratio,
    effective_sample_size,
    log_mean_exp,
    lower_bound,
    upper_bound,
)
from harmonium.likelihood.spacing import adaptive_spacing, power_spacing
from harmonium.sampling.path import GeometricPath
from harmonium.training import Settings, start_run
from harmonium.units import Bernoulli, Gaussian
from models import PAIRS, small_rbm
from traps import TRAPS


def annealed(rbm, seed=0, **arguments):
    arguments = {"runs": 50, "temperatures": 100, **arguments}
    return log_partition(rbm, "ais", generator=torch.Generator().manual_seed(seed), **arguments)


def test_the_bracket_holds_the_exact_value_in_95_of_100_seeds():
    """Random models of 3 to 16 hidden units. Each end is meant to err with 1 %, the bracket with at most 2 %: were that
    so, more than 5 failures of 100 would come with probability 0.016; with the observed 0 to 1 %, below 1e-3."""
    inside = 0
    for seed in range(100):
        rbm = small_rbm(n=12, m=3 + seed % 14, coupling=1.0, seed=seed)
        z = annealed(rbm, seed, runs=40, temperatures=60)
        inside += z.lower <= exact_log_partition(rbm).item() <= z.upper
    assert inside >= 95


@pytest.mark.parametrize("name", TRAPS)
def test_traps_give_a_wide_bracket_or_a_warning_never_a_narrow_wrong_value(name):
    rbm = TRAPS[name]
    exact = exact_log_partition(rbm).item()
    z = annealed(rbm, runs=100, temperatures=300)
    assert z.lower <= exact <= z.upper, (exact, z)
    assert z.warnings or abs(z.value - exact) < 0.3, (exact, z)


@pytest.mark.parametrize(("visible", "hidden"), PAIRS)
def test_every_pair_of_families(visible, hidden):
    rbm = small_rbm(visible, hidden, coupling=0.7)
    z = annealed(rbm, runs=100, temperatures=200)
    assert z.lower <= exact_log_partition(rbm).item() <= z.upper
    assert z.upper - z.lower < 1


def test_a_trained_model_of_20_hidden_units_is_within_a_tenth_of_a_nat(tmp_path):
    """On 5,000 MNIST digits; over 11 seeds the error had a standard deviation of 0.025 nats, so that a right estimate
    fails with a probability of about 6e-5."""
    settings = Settings(hidden=20, method="pcd", epochs=15, learning_rate=0.05, schedule="linear", seed=0)
    run, state, data = start_run(tmp_path / "run", "mnist5k", settings)
    for _ in run.train(state, data):
        pass
    exact = exact_log_partition(state.rbm).item()
    z = annealed(state.rbm, base=base_of_states(state.rbm, data.monitored_train), runs=100, temperatures=1000)
    assert abs(z.value - exact) < 0.1
    assert z.lower <= exact <= z.upper
    assert not z.warnings


def test_forward_weights_are_unbiased(generator):
    """The mean of w is Z / Z_base even with 4 temperatures: z-test over 20,000 runs, false-alarm rate 1e-6."""
    rbm = small_rbm(coupling=0.7)
    path = GeometricPath(rbm)
    runs = anneal(path, power_spacing(4), 20_000, generator)
    ratio = torch.exp(runs.log_weights + path.base_log_partition() - exact_log_partition(rbm))
    assert abs(float(ratio.mean()) - 1) < 4.9 * float(ratio.std()) / 20_000**0.5


def test_backward_weights_are_unbiased(generator):
    """From exact samples the mean of 1/w is Z_base / Z: the same test."""
    rbm = small_rbm(coupling=0.7)
    path = GeometricPath(rbm)
    runs = anneal_back(path, power_spacing(4), exact_samples(rbm, 20_000, generator), generator)
    ratio = torch.exp(exact_log_partition(rbm) - path.base_log_partition() - runs.log_weights)
    assert abs(float(ratio.mean()) - 1) < 4.9 * float(ratio.std()) / 20_000**0.5


def test_every_model_of_the_path_is_the_interpolated_rbm(generator):
    rbm, base = small_rbm(), small_rbm(coupling=0.0, seed=1)
    path = GeometricPath(rbm, base)
    v = base.visible.sample(torch.zeros(5, 4, dtype=torch.float64), generator)
    for beta in (0.0, 0.3, 1.0):
        expected = rbm.interpolate(base, beta).free_energy(v)
        torch.testing.assert_close(path.at(beta).free_energy(v, rbm.hidden_field(v)), expected)


def test_bounds_and_bennett_on_normal_work():
    """Normal log-weights with x_f ~ N(L - s^2/2, s^2), x_b ~ N(L + s^2/2, s^2) obey Crooks' relation exactly."""
    rng = np.random.default_rng(0)
    misses = 0
    for _ in range(200):
        ups, downs = rng.normal(5 - 0.5, 1, 500), rng.normal(5 + 0.5, 1, 500)
        misses += not lower_bound(ups) <= 5 <= upper_bound(downs)
        assert abs(bennett_ratio(ups, downs) - 5) < 0.25
    # At most 2 % expected; more than 12 of 200 has probability below 1e-3 then.
    assert misses <= 12
    assert abs(bennett_ratio(rng.normal(4.5, 1, 100_000), rng.normal(5.5, 1, 1000)) - 5) < 0.15


def test_the_bootstrap_error_is_the_spread_of_bennetts_ratio_and_knows_of_shared_ancestors():
    """Over 100 repetitions of normal work; a standard deviation of 100 has an error of 7 %, the bound is 40 %."""
    rng, values, errors = np.random.default_rng(0), [], []
    for _ in range(100):
        ups, downs = rng.normal(4.5, 1, 100), rng.normal(5.5, 1, 100)
        values.append(bennett_ratio(ups, downs))
        errors.append(bennett_error(ups, downs, np.arange(100), resamples=50))
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.4)
    # Two modes, and backward runs that all descend from the one forward run that found the second.
    ups, downs = np.append(rng.normal(0, 0.1, 99), 8.0), rng.normal(8, 0.1, 100)
    assert bennett_error(ups, downs, np.full(100, 99)) > 0.5


def test_effective_sample_size_and_log_mean_exp():
    assert effective_sample_size(np.zeros(7)) == pytest.approx(7)
    assert effective_sample_size(np.array([0.0, -1000.0])) == pytest.approx(1)
    assert log_mean_exp(np.array([1000.0, 1000.0])) == pytest.approx(1000)


def test_spacings_rise_from_0_to_1(generator):
    for betas in (power_spacing(50), adaptive_spacing(GeometricPath(small_rbm()), 50, generator)):
        assert betas[0] == 0
        assert betas[-1] == 1
        assert len(betas) == 50
        assert np.all(np.diff(betas) > 0)
    assert np.all(np.diff(np.diff(power_spacing(50))) < 0)  # denser near 1


def test_the_same_seed_gives_the_same_estimate():
    assert annealed(small_rbm()) == annealed(small_rbm())


def test_a_good_base_makes_a_narrower_bracket():
    rbm = small_rbm(n=12, m=6, coupling=0.3)
    rbm.visible.bias.data += 3
    samples = exact_samples(rbm, 1000, torch.Generator().manual_seed(0))
    near = base_of_states(rbm, samples)
    far = base_of_states(rbm, 1 - samples)
    widths = [(z := annealed(rbm, base=base, temperatures=20)).upper - z.lower for base in (near, far)]
    assert widths[0] < widths[1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: annealed(small_rbm(), runs=5), "needs at least 20"),
        (lambda: annealed(small_rbm(), temperatures=1), "at least 2"),
        (lambda: annealed(small_rbm(), base=small_rbm()), "must have zero weights"),
        (lambda: annealed(small_rbm(), base=small_rbm(n=5, coupling=0.0)), "the base has weights of shape"),
        (lambda: log_partition(small_rbm(), "aiss"), "did you mean 'ais'"),
        (lambda: log_partition(RBM(Gaussian(3), Bernoulli(40)), "exact"), "40 bernoulli units and thus more than"),
        (lambda: log_partition(RBM(Gaussian(2), Gaussian(2), weights=torch.eye(2) * 3)), "no distribution"),
        (lambda: log_partition(RBM(Bernoulli(2), Bernoulli(2), weights=torch.full((2, 2), torch.nan))), "not finite"),
    ],
)
def test_wrong_use(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_the_block_bound_is_tighter_than_a_run_by_itself():
    x = stats.norm.rvs(0, 2, 500, random_state=0)
    assert lower_bound(x) > x.mean()
