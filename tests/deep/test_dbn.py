"""Tiny stacks against enumeration: ancestral samples, labels, the bound."""

from itertools import pairwise

import pytest
import torch

from harmonium import RBM
from harmonium.deep import DBN, bound_and_estimate, given_label, label_energies, unlabelled, with_labels
from harmonium.deep.labels import free_energy_without_labels
from harmonium.errors import InputError
from harmonium.exact import layer_states
from harmonium.likelihood import exact_log_partition, exact_log_probability
from harmonium.units import Bernoulli, Gaussian, Labelled
from models import small_rbm


def stack(generator, *sizes, classes=0):
    """Return a stack of binary layers with random parameters, in float64."""
    layers = []
    for place, (below, above) in enumerate(pairwise(sizes)):
        top = place == len(sizes) - 2
        visible = Labelled(below + classes, classes) if top and classes else Bernoulli(below)
        weights = torch.randn(visible.size, above, generator=generator, dtype=torch.float64)
        rbm = RBM(visible, Bernoulli(above), weights=weights)
        for layer in (rbm.visible, rbm.hidden):
            layer.bias.data = 0.5 * torch.randn(layer.size, generator=generator, dtype=torch.float64)
        layers.append(rbm.requires_grad_(False))
    return DBN(layers)


def joint(dbn):
    """log P*(x_0, x_1) of a stack of two RBMs over all states, up to log Z: (2^n, 2^k)."""
    low, high = (layer_states(layer) for layer in (dbn.visible, dbn.layers[0].hidden))
    field = dbn.layers[0].visible_field(high)
    units = dbn.layers[0].visible
    below = -units.energy(low)[:, None] + low @ field.T - units.log_partition(field)
    return below - free_energy_without_labels(dbn.top, high)


def exact_log_p(dbn):
    """log P(v) of all states of a stack of two RBMs."""
    return torch.logsumexp(joint(dbn), 1) - torch.logsumexp(joint(dbn).flatten(), 0)


@pytest.mark.parametrize("classes", [0, 3])
def test_the_bound_never_exceeds_log_p_and_the_estimate_comes_near(classes, generator):
    """Bounds of 4,000 samples: six standard errors (false alarms below 1e-8); estimates within 0.1 nat."""
    dbn = stack(generator, 4, 3, 3, classes=classes)
    states, exact = layer_states(dbn.visible), exact_log_p(dbn)
    log_z = exact_log_partition(dbn.top)
    torch.testing.assert_close(torch.logsumexp(exact, 0).exp(), torch.ones((), dtype=torch.float64))
    bound, estimate = bound_and_estimate(dbn, states, generator, samples=4000)
    assert (bound - log_z < exact + 6 * 3 / 4000**0.5).all()
    assert (bound - log_z < exact - 1e-3).any()
    torch.testing.assert_close(estimate - log_z, exact, atol=0.1, rtol=0)
    assert (bound <= estimate).all()


def test_for_a_pair_turned_upside_down_the_bound_is_log_p(generator):
    """The RBM above is the one below upside down: Q is the true posterior, for every sample."""
    rbm = small_rbm(n=4, m=3).requires_grad_(False)
    dbn = DBN([rbm, rbm.mirror().requires_grad_(False)])
    states = layer_states(rbm.visible)
    bound, estimate = bound_and_estimate(dbn, states, generator, samples=3)
    exact = exact_log_probability(rbm, states) + exact_log_partition(rbm)
    torch.testing.assert_close(bound, exact)
    torch.testing.assert_close(estimate, exact)


def test_one_layer_is_its_rbm(generator):
    rbm = small_rbm().requires_grad_(False)
    states = layer_states(rbm.visible)
    bound, _ = bound_and_estimate(DBN([rbm]), states, generator, samples=1)
    torch.testing.assert_close(bound, -rbm.free_energy(states))


@pytest.mark.parametrize("label", [None, 1])
def test_dreams_have_the_exact_marginal(label, generator):
    """Chi-square over 16 states with 15 degrees of freedom; 53 is exceeded with probability 4e-6."""
    dbn = stack(generator, 4, 3, 3, classes=2)
    if label is None:
        expected = exact_log_p(dbn).exp()
    else:
        given = DBN([dbn.layers[0], given_label(dbn.top, label)])
        expected = exact_log_p(given).exp()
    count = 20_000
    dreams = dbn.dream(count, 200, generator, label)
    codes = (dreams.visible @ torch.tensor([8.0, 4.0, 2.0, 1.0]).double()).long()
    observed = codes.bincount(minlength=16)
    assert float(((observed - count * expected) ** 2 / (count * expected)).sum()) < 53


def test_labels_given_summed_out_and_left_out(generator):
    dbn = stack(generator, 4, 3, classes=3)
    top, states = dbn.top, layer_states(Bernoulli(4)).double()
    energies = label_energies(top, states)
    for label in range(3):
        whole = with_labels(states, torch.full((16,), label), 3)
        torch.testing.assert_close(energies[:, label], top.free_energy(whole))
        given = given_label(top, label).free_energy(states)
        torch.testing.assert_close(given - given[0], energies[:, label] - energies[0, label])
    torch.testing.assert_close(unlabelled(top).weights, top.weights[:4])
    assert unlabelled(small_rbm()).weights.shape == (4, 3)
    assert torch.equal(free_energy_without_labels(top, states), -torch.logsumexp(-energies, 1))


def test_shapes_on_the_way_up_and_down(generator):
    dbn = stack(generator, 6, 5, 4, 3, classes=2)
    assert (dbn.sizes, dbn.classes, dbn.tied) == ([6, 5, 4, 3], 2, True)
    assert repr(dbn) == "DBN(6-5-4-3, 2 labels)"
    states = dbn.visible.sample(torch.zeros(7, 6).double(), generator)
    assert [len(x[0]) for x in dbn.ascend(states, generator)] == [6, 5, 4]
    assert [len(x[0]) for x in dbn.mean_up(states)] == [6, 5, 4, 3]
    assert dbn.descend(torch.ones(7, 5).double(), generator, layer=1).mean.shape == (7, 6)
    untied = dbn.untied()
    assert not untied.tied
    assert untied.recognition[0].weights is not untied.layers[0].weights


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([], "at least one layer"),
        (
            [RBM(Bernoulli(4), Bernoulli(3)), RBM(Bernoulli(2), Bernoulli(3))],
            "layer 1 has 3 .* layer 2 has 2",
        ),
        ([RBM(Bernoulli(4), Gaussian(3)), RBM(Bernoulli(3), Bernoulli(3))], "layer 1 has 3 gaussian"),
        ([RBM(Bernoulli(4), Bernoulli(3)), RBM(Labelled(6, 2), Bernoulli(3))], "layer 2 has 4 bernoulli"),
        (
            [RBM(Bernoulli(4), Bernoulli(3)), RBM(Labelled(5, 2), Bernoulli(3)), RBM(Bernoulli(3), Bernoulli(3))],
            "layer 2 has labels, but only the highest",
        ),
    ],
)
def test_layers_that_do_not_fit_are_named(layers, message):
    with pytest.raises(InputError, match=message):
        DBN(layers)


def test_classes_that_are_not_there(generator):
    with pytest.raises(InputError, match="learned no labels"):
        stack(generator, 4, 3, 2).dream(2, 1, generator, label=0)
    with pytest.raises(InputError, match="class is 3, but must be from 0 to 2"):
        stack(generator, 4, 3, 2, classes=3).dream(2, 1, generator, label=3)


def test_what_goes_up_has_the_shape_of_what_goes_down():
    layers = [RBM(Bernoulli(4), Bernoulli(3)), RBM(Bernoulli(3), Bernoulli(2))]
    with pytest.raises(InputError, match="shapes of what goes down"):
        DBN(layers, [RBM(Bernoulli(4), Bernoulli(2))])
