import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harmonium import RBM
from harmonium.errors import InputError
from harmonium.units import Bernoulli
from models import PAIRS, brute_force_joint, random_states, small_rbm

pairs = pytest.mark.parametrize(("visible", "hidden"), PAIRS)


def test_energy_and_free_energy_against_the_definition():
    rbm = small_rbm()
    states, factors = brute_force_joint(rbm)
    v = torch.tensor([s[0] for s in states], dtype=torch.float64)
    h = torch.tensor([s[1] for s in states], dtype=torch.float64)
    torch.testing.assert_close(torch.exp(-rbm.energy(v, h)), factors)
    per_visible = factors.reshape(2**4, 2**3).sum(1)
    torch.testing.assert_close(torch.exp(-rbm.free_energy(v[:: 2**3])), per_visible)


def test_conditionals_against_the_enumerated_joint():
    rbm = small_rbm()
    states, factors = brute_force_joint(rbm)
    v = torch.tensor([s[0] for s in states], dtype=torch.float64).reshape(16, 8, 4)
    h = torch.tensor([s[1] for s in states], dtype=torch.float64).reshape(16, 8, 3)
    weights = factors.reshape(16, 8, 1)
    mean_hidden = (weights * h).sum(1) / weights.sum(1)
    torch.testing.assert_close(rbm.mean_hidden_given_visible(v[:, 0]), mean_hidden)
    mean_visible = (weights * v).sum(0) / weights.sum(0)
    torch.testing.assert_close(rbm.mean_visible_given_hidden(h[0]), mean_visible)


@pairs
def test_the_mirror_has_the_same_joint_energy(visible, hidden, generator):
    rbm = small_rbm(visible, hidden)
    v, h = random_states(rbm.visible, 5, generator), random_states(rbm.hidden, 5, generator)
    mirror = rbm.mirror()
    torch.testing.assert_close(mirror.energy(h, v), rbm.energy(v, h))
    torch.testing.assert_close(mirror.mirror().free_energy(v), rbm.free_energy(v))
    assert mirror.mirror().weights.data_ptr() == rbm.weights.data_ptr()


@pairs
@given(beta=st.floats(0, 1))
@settings(max_examples=10, deadline=None)
def test_an_interpolated_model_is_an_rbm_with_the_interpolated_energy(visible, hidden, beta):
    generator = torch.Generator().manual_seed(0)
    rbm, base = small_rbm(visible, hidden), small_rbm(visible, hidden, coupling=0.0, seed=1)
    v, h = random_states(rbm.visible, 5, generator), random_states(rbm.hidden, 5, generator)
    between = rbm.interpolate(base, beta)
    torch.testing.assert_close(between.energy(v, h), (1 - beta) * base.energy(v, h) + beta * rbm.energy(v, h))


@given(flips=st.lists(st.booleans(), min_size=4, max_size=4))
@settings(max_examples=16, deadline=None)
def test_flipping_bits_and_adjusting_the_biases_changes_no_probability(flips):
    rbm = small_rbm()
    flip = torch.tensor(flips, dtype=torch.float64)
    # v' = 1 - v where flipped: W' = -W and b' = -b there, and the hidden biases take up W^T flip.
    sign = 1 - 2 * flip
    flipped = small_rbm()
    flipped.weights.data = rbm.weights.data * sign[:, None]
    flipped.visible.bias.data = rbm.visible.bias.data * sign
    flipped.hidden.bias.data = rbm.hidden.bias.data + flip @ rbm.weights.data
    v = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 4)
    energy, other = rbm.free_energy(v), flipped.free_energy((v - flip).abs())
    torch.testing.assert_close(torch.softmax(-energy, 0), torch.softmax(-other, 0))


@given(order=st.permutations(range(4)))
@settings(max_examples=10, deadline=None)
def test_the_order_of_the_units_does_not_matter(order):
    rbm, permuted = small_rbm(), small_rbm()
    permuted.weights.data = rbm.weights.data[list(order)]
    permuted.visible.bias.data = rbm.visible.bias.data[list(order)]
    v = torch.tensor([[1.0, 0.0, 1.0, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(permuted.free_energy(v[:, list(order)]), rbm.free_energy(v))


@pairs
def test_the_conditional_samples_follow_the_fields(visible, hidden, generator):
    rbm = small_rbm(visible, hidden)
    v = random_states(rbm.visible, 1, generator)
    count = 100_000
    h = rbm.sample_hidden_given_visible(v.expand(count, -1), generator)
    error = (rbm.hidden.variance(rbm.hidden_field(v))[0].detach() / count).sqrt()
    # Five standard errors, three units: false-alarm rate below 1e-5.
    assert torch.all((h.mean(0) - rbm.mean_hidden_given_visible(v)[0]).abs() < 5 * error)


def test_new_weights_are_small_and_repeatable():
    rbm = RBM(Bernoulli(784), Bernoulli(500))
    assert rbm.weights.std().item() == pytest.approx(0.01, rel=0.01)
    assert torch.equal(rbm.weights, RBM(Bernoulli(784), Bernoulli(500)).weights)
    other = RBM(Bernoulli(784), Bernoulli(500), generator=torch.Generator().manual_seed(5))
    assert not torch.equal(rbm.weights, other.weights)


def test_the_global_generator_is_neither_read_nor_moved():
    before = torch.get_rng_state()
    rbm = RBM(Bernoulli(5), Bernoulli(4))
    rbm.sample_hidden_given_visible(torch.zeros(2, 5), torch.Generator())
    assert torch.equal(torch.get_rng_state(), before)


def test_wrong_shapes_are_refused_in_a_sentence():
    with pytest.raises(InputError, match=r"weights have shape \(3, 2\)"):
        RBM(Bernoulli(2), Bernoulli(3), weights=torch.zeros(3, 2))
    with pytest.raises(InputError, match="has 3 columns, but the layer has 2"):
        RBM(Bernoulli(2), Bernoulli(3)).free_energy(torch.zeros(1, 3))


def test_an_independent_model_has_a_free_energy_that_adds_up():
    rbm = RBM(Bernoulli(3), Bernoulli(5), weights=torch.zeros(3, 5))
    assert rbm.free_energy(torch.ones(3)).item() == pytest.approx(-5 * math.log(2))


def test_the_weights_decide_the_dtype():
    rbm = RBM(Bernoulli(2), Bernoulli(3), weights=torch.zeros(2, 3, dtype=torch.float64))
    assert {parameter.dtype for parameter in rbm.parameters()} == {torch.float64}
