"""Networks unrolled from stacks, and their fine-tuning."""

import pytest
import torch

from harmonium import RBM
from harmonium.data import load
from harmonium.deep import DBN
from harmonium.deep.classifier import Tuning, _Batches, error_of, fine_tune, probabilities, randomize, to_torch
from harmonium.errors import InputError
from harmonium.units import Bernoulli, Gaussian, Labelled
from models import small_rbm


def test_the_network_is_the_way_up(generator):
    dbn = DBN([small_rbm("gaussian", "bernoulli", 5, 4), small_rbm("bernoulli", "gaussian", 4, 3)])
    x = torch.randn(6, 5, generator=generator)
    network = to_torch(dbn)
    torch.testing.assert_close(network(x), dbn.mean_up(x.double())[-1].float())
    assert {type(layer).__name__ for layer in network} == {"Linear", "Sigmoid"}


def test_one_rbm_and_labels_left_out(generator):
    rbm = RBM(Labelled(8, 3), Bernoulli(4), generator=generator)
    network = to_torch(rbm, classes=3, dropout=0.5, input_dropout=0.2)
    assert [type(layer).__name__ for layer in network] == ["Dropout", "Linear", "Sigmoid", "Dropout", "Linear"]
    assert network[1].in_features == 5
    assert torch.equal(network[-1].weight, rbm.weights[5:])
    assert to_torch(rbm, classes=7)[-1].out_features == 7  # other classes than it learned


def test_fine_tuning_learns_and_keeps_the_best():
    digits = load("digits")
    x, y = digits.train.values.float() / digits.train.values.max(), digits.train_labels
    rbm = small_rbm(n=64, m=40, coupling=0.2)
    network = to_torch(rbm, classes=10)
    before = torch.random.get_rng_state()
    tuning = Tuning(epochs=12, learning_rate=0.3, dropout=0.1, input_dropout=0.0)
    records = list(fine_tune(network, (x[:1000], y[:1000]), (x[1000:], y[1000:]), tuning))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert records[-1].loss < 0.5 * records[0].loss
    lowest = min(record.validation_error for record in records)
    assert error_of(network, x[1000:], y[1000:]) == lowest < 0.15
    found = probabilities(network, x[:5])
    torch.testing.assert_close(found.sum(1), torch.ones(5))
    again = to_torch(rbm, classes=10)
    assert list(fine_tune(again, (x[:1000], y[:1000]), (x[1000:], y[1000:]), tuning))[-1].loss == records[-1].loss


def test_patience_ends_it():
    network = to_torch(RBM(Bernoulli(4), Bernoulli(3)), classes=2)
    x, y = torch.zeros(8, 4), torch.zeros(8, dtype=torch.int64)
    assert len(list(fine_tune(network, (x, y), (x, y), Tuning(epochs=50, patience=3)))) == 4


def test_divergence_is_a_sentence():
    network = to_torch(RBM(Gaussian(4), Gaussian(3)), classes=2)
    x, y = 1e5 * torch.randn(50, 4), torch.randint(2, (50,))
    with pytest.raises(InputError, match="diverged: lower the learning rate"):
        list(fine_tune(network, (x, y), (x, y), Tuning(learning_rate=1e6, batch_size=10)))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"learning_rate": -1.0}, "must be a positive number"),
        ({"weight_decay": -1.0}, "0 or a positive"),
        ({"dropout": 1.0}, r"not in \[0, 1\)"),
    ],
)
def test_bad_settings(given, message):
    with pytest.raises(InputError, match=message):
        Tuning(**given)


def test_bad_networks():
    with pytest.raises(InputError, match="at least 2 classes"):
        to_torch(RBM(Bernoulli(4), Bernoulli(3)), classes=1)
    with pytest.raises(InputError, match="dropout is 1"):
        to_torch(RBM(Bernoulli(4), Bernoulli(3)), dropout=1.0)


def test_examples_without_labels_help():
    """Ten points of each of two rings of blobs have labels; the guesses for the others carry these along the rings."""
    generator = torch.Generator().manual_seed(0)
    angles = torch.linspace(0, 6.28, 400)
    rings = torch.cat([radius * torch.stack([angles.cos(), angles.sin()], 1) for radius in (0.2, 0.45)])
    inputs = 0.5 + rings + 0.01 * torch.randn(rings.shape, generator=generator)
    classes = torch.arange(2).repeat_interleave(400)
    chosen = torch.cat([torch.randperm(400, generator=generator)[:4] + 400 * k for k in (0, 1)])
    errors = {}
    for weight in (0.0, 1.0):
        network = to_torch(DBN([RBM(Bernoulli(2), Bernoulli(40)), RBM(Bernoulli(40), Bernoulli(40))]), 2)
        randomize(network, torch.Generator().manual_seed(1))
        tuning = Tuning(epochs=150, batch_size=8, learning_rate=0.1, guess_weight=weight, patience=150)
        *_, _ = fine_tune(network, (inputs[chosen], classes[chosen]), (inputs[chosen], classes[chosen]), tuning, inputs)
        errors[weight] = error_of(network, inputs, classes)
    assert errors[1.0] <= errors[0.0]
    assert _Batches(inputs[chosen], classes[chosen], inputs, 8).labelled == 8 * 25
