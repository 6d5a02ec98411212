"""Networks unrolled from stacks, and their fine-tuning."""

import pytest
import torch

from harmonium import RBM
from harmonium.data import load
from harmonium.deep import DBN
from harmonium.deep.classifier import Tuning, _Batches, _losses, error_of, fine_tune, probabilities, randomize, to_torch
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


def test_only_confident_guesses_are_learned(generator):
    """Against the definition: the mean over all unlabelled cases of -log p of the guess, where p is 0.8 or more."""
    network = to_torch(DBN([RBM(Bernoulli(4), Bernoulli(6))]), 3)
    randomize(network, generator)
    inputs, more = torch.rand(5, 4, generator=generator), torch.rand(40, 4, generator=generator)
    classes = torch.tensor([0, 1, 2, 0, 1])
    loss, of_guesses = _losses(network, inputs, classes, more, 0.8, generator)
    own, others = (torch.log_softmax(network(rows), 1).detach() for rows in (inputs, more))
    assert loss.item() == pytest.approx(-own[torch.arange(5), classes].mean().item(), rel=0.02)  # products in bfloat16
    best = others.max(1).values
    sure = best.exp() >= 0.8
    assert 5 < sure.sum() < 35
    assert of_guesses.item() == pytest.approx(-best[sure].sum().item() / 40, rel=0.05)
    assert _losses(network, inputs, classes, None, 0.8, generator)[1] == 0


def test_examples_without_labels_help_where_the_guesses_are_mostly_right():
    """Two stripes, four labels each: the supervised boundary cuts a corner, and confident guesses put it in the gap."""
    generator = torch.Generator().manual_seed(0)
    classes = torch.arange(2).repeat_interleave(400)
    along = torch.rand(800, generator=generator)
    inputs = torch.stack([0.25 + 0.5 * classes + 0.03 * torch.randn(800, generator=generator), along], 1)
    chosen = torch.cat([(along[:400] < 0.5).nonzero()[:4], 400 + (along[400:] > 0.5).nonzero()[:4]]).flatten()
    errors = {}
    for weight in (0.0, 1.0):
        network = torch.nn.Sequential(torch.nn.Linear(2, 2))
        torch.nn.init.zeros_(network[0].weight)
        tuning = Tuning(epochs=200, batch_size=20, learning_rate=1.0, guess_weight=weight, patience=200)
        list(fine_tune(network, (inputs[chosen], classes[chosen]), (inputs, classes), tuning, inputs))
        errors[weight] = error_of(network, inputs, classes)
    assert errors[1.0] == 0 < errors[0.0]


def test_batches_of_an_epoch_have_four_unlabelled_for_each_labelled_example(generator):
    batches = _Batches(torch.arange(6.0)[:, None], torch.arange(6), torch.arange(100.0)[:, None], 5)
    epoch = list(batches.epoch(generator))
    assert (len(epoch), batches.labelled) == (5, 25)
    assert {len(more) for _, _, more in epoch} == {20}
    seen = torch.cat([more for _, _, more in epoch]).flatten().long()
    assert seen.bincount(minlength=100).tolist() == [1] * 100
    labels = torch.cat([classes for _, classes, _ in epoch])
    assert labels.bincount(minlength=6).tolist().count(4) >= 5  # 25 of 6: each four times, give or take one
