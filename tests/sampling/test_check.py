"""The stationarity test must pass right samplers at its stated rate and catch wrong ones."""

from types import SimpleNamespace

import pytest
import torch
from scipy import stats

from harmonium.errors import InputError
from harmonium.sampling import check_kernel, gibbs
from models import PAIRS, small_rbm

pairs = pytest.mark.parametrize(("visible", "hidden"), PAIRS)


def kernel(step):
    return SimpleNamespace(init=gibbs.init, step=step)


def forgets_the_hidden_bias(rbm, state, generator):
    hidden = rbm.hidden.sample(state.hidden_field - rbm.hidden.bias, generator)
    return gibbs.init(rbm, rbm.sample_visible_given_hidden(hidden, generator))


def halves_the_field(rbm, state, generator):
    hidden = rbm.hidden.sample(state.hidden_field / 2, generator)
    return gibbs.init(rbm, rbm.sample_visible_given_hidden(hidden, generator))


def passes_means_up(rbm, state, generator):
    hidden = rbm.hidden.mean(state.hidden_field)  # a probability where a sample belongs: too little noise
    return gibbs.init(rbm, rbm.sample_visible_given_hidden(hidden, generator))


def returns_means(rbm, state, generator):
    hidden = rbm.hidden.sample(state.hidden_field, generator)
    return gibbs.init(rbm, rbm.mean_visible_given_hidden(hidden))


def stays(rbm, state, generator):
    return state


@pairs
@pytest.mark.parametrize("broken", [forgets_the_hidden_bias, halves_the_field, passes_means_up, returns_means, stays])
def test_broken_samplers_are_caught(visible, hidden, broken, generator):
    # Real-valued fields soon saturate binary units, and then no fault of the fields would show.
    rbm = small_rbm(visible, hidden, coupling=1.5 if visible == "bernoulli" else 0.6)
    rbm.hidden.bias.data += 1.0
    check = check_kernel(kernel(broken), rbm, generator)
    assert not check.passed, check


def test_p_values_of_a_right_sampler_are_uniform():
    """200 checks; their p-values against the uniform distribution, Kolmogorov-Smirnov, false-alarm rate 1e-4."""
    rbm = small_rbm()
    p_values = [check_kernel(gibbs, rbm, torch.Generator().manual_seed(s), chains=1000).p_value for s in range(200)]
    assert stats.kstest(p_values, "uniform").pvalue > 1e-4


def test_the_bound_is_kept(generator):
    check = check_kernel(gibbs, small_rbm(), generator, false_alarm_rate=1.0)
    assert check.false_alarm_rate == 1.0
    assert check.passed == (check.p_value >= 1.0)


def test_too_few_chains_are_refused(generator):
    with pytest.raises(InputError, match="at least 100 chains"):
        check_kernel(gibbs, small_rbm(), generator, chains=10)


def returns_nan(rbm, state, generator):
    visible = state.visible.clone()
    visible[0, 0] = torch.nan
    return gibbs.init(rbm, visible)


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_a_single_nan_is_caught(visible, generator):
    assert not check_kernel(kernel(returns_nan), small_rbm(visible), generator).passed


def test_a_model_without_power_is_refused(generator):
    rbm = small_rbm()
    rbm.visible.bias.data += 40
    with pytest.raises(InputError, match="could not tell a wrong sampler"):
        check_kernel(gibbs, rbm, generator)
