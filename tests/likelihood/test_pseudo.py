import pytest
import torch

from harmonium import RBM
from harmonium.errors import InputError
from harmonium.exact import layer_states
from harmonium.likelihood import exact_log_probability, exact_pseudo_log_likelihood, pseudo_log_likelihood
from harmonium.units import Gaussian
from models import small_rbm


def enumerated_pseudo_log_likelihood(rbm, v):
    """sum_i log P(v_i | v_others) from the exact joint distribution."""
    total = torch.zeros(len(v), dtype=torch.float64)
    for i in range(v.shape[1]):
        flipped = v.clone()
        flipped[:, i] = 1 - flipped[:, i]
        ours, other = exact_log_probability(rbm, v), exact_log_probability(rbm, flipped)
        total += ours - torch.logaddexp(ours, other)
    return total


@pytest.mark.parametrize("hidden", ["bernoulli", "gaussian"])
def test_the_estimate_is_unbiased_per_example(hidden, generator):
    rbm = small_rbm("bernoulli", hidden)
    v = layer_states(rbm.visible)
    draws = torch.stack([pseudo_log_likelihood(rbm, v, generator) for _ in range(4000)])
    error = draws.std(0) / 4000**0.5
    # Five standard errors, 16 states: false-alarm rate below 1e-5.
    assert torch.all((draws.mean(0) - enumerated_pseudo_log_likelihood(rbm, v)).abs() < 5 * error)


@pytest.mark.parametrize("hidden", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("coupling", [0.5, 3.0])
def test_a_real_valued_unit_has_a_density_given_the_others(hidden, coupling, generator):
    """Against exp(-F) summed on a fine grid that reaches far beyond everything."""
    rbm = small_rbm("gaussian", hidden, coupling=coupling)
    v = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    total = torch.zeros(6, dtype=torch.float64)
    x = torch.linspace(-80, 80, 160_001, dtype=torch.float64)
    for case in range(6):
        for i in range(4):
            line = v[case].repeat(len(x), 1)
            line[:, i] = x
            integral = torch.logsumexp(-rbm.free_energy(line), 0) + (x[1] - x[0]).log()
            total[case] += -rbm.free_energy(v[case]) - integral
    torch.testing.assert_close(exact_pseudo_log_likelihood(rbm, v), total, rtol=1e-9, atol=1e-9)
    draws = torch.stack([pseudo_log_likelihood(rbm, v, generator) for _ in range(2000)])
    # Five standard errors, 6 examples: false-alarm rate below 1e-5.
    assert torch.all((draws.mean(0) - total).abs() < 5 * draws.std(0) / 2000**0.5 + 1e-9)


def test_a_pair_without_a_distribution_is_refused():
    rbm = RBM(Gaussian(2), Gaussian(2), weights=3 * torch.eye(2))
    with pytest.raises(InputError, match="couplings are too strong"):
        pseudo_log_likelihood(rbm, torch.zeros(2, 2))


def test_the_sum_over_all_sites_is_the_enumerated_one():
    rbm = small_rbm()
    v = layer_states(rbm.visible)
    torch.testing.assert_close(exact_pseudo_log_likelihood(rbm, v), enumerated_pseudo_log_likelihood(rbm, v))
