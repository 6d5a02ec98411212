"""Up-down fine-tuning: it raises the likelihood of a stack, and leaves the greedy one alone."""

import pytest
import torch

from harmonium import RBM
from harmonium.data import load
from harmonium.deep import DBN, bound_and_estimate
from harmonium.deep.stacking import labels_of, layer_materials
from harmonium.deep.up_down import UpDown, _write_gradients, up_down
from harmonium.errors import InputError
from harmonium.gradients import exact_model_statistics
from harmonium.likelihood import exact_log_partition
from harmonium.training import materials, recipe
from harmonium.units import Bernoulli, Labelled
from models import small_rbm


def fresh():
    return DBN([small_rbm(n=9, m=6, coupling=0.1).float(), small_rbm(n=6, m=5, coupling=0.1).float()])


def test_it_raises_the_likelihood(generator):
    data = materials(load("bars-and-stripes:3x3"), recipe(hidden=6), validation=0)
    dbn, states = fresh().untied(), data.train.first(14).float()
    before = bound_and_estimate(dbn, states, generator, 200)[1].mean() - exact_log_partition(dbn.top)
    records = list(up_down(dbn, data, UpDown(epochs=400, batch_size=2, learning_rate=0.3)))
    after = bound_and_estimate(dbn, states, generator, 200)[1].mean() - exact_log_partition(dbn.top)
    assert len(records) == 400
    assert after > before + 1
    assert records[-1].wake > records[0].wake


def test_labels_are_learned_beside_the_states():
    dataset = load("digits")
    bottom = materials(dataset, recipe(hidden=6))
    labels, classes = labels_of(dataset)
    data = layer_materials(bottom, (), recipe(hidden=5, visible=f"labelled:{classes}", binarize="none"), labels)
    dbn = DBN([RBM(Bernoulli(64), Bernoulli(6)), RBM(Labelled(16, 10), Bernoulli(5))]).untied()
    before = dbn.top.weights.detach().clone()
    assert [record.epoch for record in up_down(dbn, data, UpDown(epochs=2))] == [1, 2]
    assert not torch.equal(dbn.top.weights[-10:], before[-10:])


def test_its_chains_go_on_from_batch_to_batch(generator):
    """Where nothing is learned they end at the top's own distribution, whatever the data; false alarms below 1e-8."""
    dbn = DBN([small_rbm(n=9, m=6).float(), small_rbm(n=6, m=5, coupling=2.0).float()]).untied()
    for parameter in (*dbn.layers, *dbn.recognition):
        parameter.requires_grad_()
    chains, batch = None, torch.ones(4000, 9)
    for _ in range(60):
        chains, _ = _write_gradients(dbn, batch, chains, 1, generator)
    with torch.no_grad():
        expected = exact_model_statistics(dbn.top).visible["bias"]
    assert ((chains.visible.mean(0) - expected).abs() < 6 * 0.5 / 4000**0.5).all()


def test_a_tied_stack_is_refused():
    data = materials(load("bars-and-stripes:3x3"), recipe(hidden=6), validation=0)
    with pytest.raises(InputError, match="weights of their own"):
        list(up_down(fresh(), data, UpDown()))


@pytest.mark.parametrize(("given", "message"), [({"steps": 0}, "steps is 0"), ({"learning_rate": 0.0}, "positive")])
def test_bad_settings(given, message):
    with pytest.raises(InputError, match=message):
        UpDown(**given)
