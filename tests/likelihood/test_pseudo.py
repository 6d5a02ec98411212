import pytest
import torch

from harmonium.errors import InputError
from harmonium.exact import layer_states
from harmonium.likelihood import exact_log_probability, exact_pseudo_log_likelihood, pseudo_log_likelihood
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


def test_real_valued_units_are_refused():
    with pytest.raises(InputError, match="gaussian visible units has no closed form"):
        pseudo_log_likelihood(small_rbm("gaussian", "bernoulli"), torch.zeros(2, 4, dtype=torch.float64))


def test_the_sum_over_all_sites_is_the_enumerated_one():
    rbm = small_rbm()
    v = layer_states(rbm.visible)
    torch.testing.assert_close(exact_pseudo_log_likelihood(rbm, v), enumerated_pseudo_log_likelihood(rbm, v))
