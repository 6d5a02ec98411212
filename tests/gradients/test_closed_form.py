"""Closed form = autograd through the free energy = finite differences of the exact log-likelihood."""

import pytest
import torch

from harmonium import RBM
from harmonium.gradients import Exact, state_statistics, write_gradient
from harmonium.likelihood import exact_log_probability
from harmonium.sampling import gibbs
from harmonium.units import Bernoulli
from models import PAIRS, random_states, small_rbm

pairs = pytest.mark.parametrize(("visible", "hidden"), PAIRS)


def exact_gradient(rbm, v, scale=1.0):
    with torch.no_grad():
        data = gibbs.init(rbm, v)
        model, _ = Exact().model_statistics(rbm, data, None, torch.Generator())
        write_gradient(rbm, state_statistics(rbm, data), model, scale)
    return {name: parameter.grad.clone() for name, parameter in rbm.named_parameters()}


@pairs
def test_the_data_term_is_autograd_through_the_free_energy(visible, hidden, generator):
    rbm = small_rbm(visible, hidden)
    v = random_states(rbm.visible, 7, generator)
    rbm.free_energy(v).mean().backward()
    statistics = state_statistics(rbm, gibbs.init(rbm, v))
    torch.testing.assert_close(-statistics.weights, rbm.weights.grad)
    for layer, found in ((rbm.visible, statistics.visible), (rbm.hidden, statistics.hidden)):
        for name, parameter in layer.named_parameters():
            torch.testing.assert_close(-found[name], parameter.grad)


@pairs
@pytest.mark.parametrize(("n", "m"), [(4, 3), (3, 4)])
def test_the_exact_gradient_is_a_finite_difference_of_the_log_likelihood(visible, hidden, n, m, generator):
    rbm = small_rbm(visible, hidden, n=n, m=m)
    v = random_states(rbm.visible, 7, generator)
    gradients = exact_gradient(rbm, v)
    step = 1e-5
    for name, parameter in rbm.named_parameters():
        flat = parameter.data.view(-1)
        for k in range(flat.numel()):
            original = flat[k].item()
            values = []
            for shift in (step, -step):
                flat[k] = original + shift
                values.append(-exact_log_probability(rbm, v).mean().item())
            flat[k] = original
            difference = (values[0] - values[1]) / (2 * step)
            assert gradients[name].reshape(-1)[k].item() == pytest.approx(difference, abs=1e-8), (name, k)


@pairs
def test_weighted_cases_count_by_their_weights(visible, hidden, generator):
    rbm = small_rbm(visible, hidden)
    v = random_states(rbm.visible, 3, generator)
    twice = state_statistics(rbm, gibbs.init(rbm, v[[0, 0, 1, 2]]))
    weighted = state_statistics(rbm, gibbs.init(rbm, v), torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64))
    torch.testing.assert_close(twice.weights, weighted.weights)
    for name in twice.visible:
        torch.testing.assert_close(twice.visible[name], weighted.visible[name])
    for name in twice.hidden:
        torch.testing.assert_close(twice.hidden[name], weighted.hidden[name])


def test_the_scale_multiplies_everything(generator):
    rbm = small_rbm()
    v = random_states(rbm.visible, 3, generator)
    whole, half = exact_gradient(rbm, v), exact_gradient(rbm, v, scale=0.5)
    for name in whole:
        torch.testing.assert_close(half[name], whole[name] / 2)


def test_one_pass_over_large_binary_layers_gives_the_same(generator):
    """In float32 a compiled kernel takes the averages, in float64 torch."""
    rbm = RBM(Bernoulli(300), Bernoulli(200), weights=0.1 * torch.randn(300, 200, generator=generator))
    v = torch.rand(90, 300, generator=generator).lt(0.3).float()
    found = state_statistics(rbm, gibbs.init(rbm, v))
    expected = state_statistics(rbm.double(), gibbs.init(rbm.double(), v.double()))
    assert found.outer.factor == expected.outer.factor
    for ours, theirs in (
        (found.outer.hidden, expected.outer.hidden),
        (found.visible["bias"], expected.visible["bias"]),
        (found.hidden["bias"], expected.hidden["bias"]),
    ):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-6)
