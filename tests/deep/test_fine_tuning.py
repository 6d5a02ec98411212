"""Networks that learn labels."""

import pytest
import torch

from harmonium import RBM
from harmonium.data import load
from harmonium.deep import DBN, spread_labels
from harmonium.deep.centred import CentredNetwork
from harmonium.deep.classifier import error_of, probabilities, randomize, to_torch
from harmonium.deep.fine_tuning import Tuning, _Batch, _Batches, _losses, _Objective, fine_tune
from harmonium.errors import InputError
from harmonium.units import Bernoulli, Gaussian
from models import small_rbm


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


def test_an_update_is_along_the_centred_gradient(generator):
    """One batch without momentum: W - rate (dJ/dW - dJ/db mu^T), by hand."""
    network = to_torch(DBN([RBM(Gaussian(4), Bernoulli(6))]), 3)
    randomize(network, generator)
    x, y = 1 + torch.randn(30, 4, generator=generator), torch.randint(3, (30,), generator=generator)
    torch.nn.functional.cross_entropy(network(x), y).backward()
    means = x.mean(0), torch.sigmoid(network[0](x)).mean(0).detach()
    expected = [
        layer.weight.detach() - 0.5 * (layer.weight.grad - torch.outer(layer.bias.grad, mean))
        for layer, mean in zip((network[0], network[2]), means, strict=True)
    ]
    before = [network[0].weight.detach().clone(), network[2].weight.detach().clone()]
    list(fine_tune(network, (x, y), (x, y), Tuning(epochs=1, batch_size=30, learning_rate=0.5, momentum=0.0)))
    for layer, start, wanted in zip((network[0], network[2]), before, expected, strict=True):
        assert (layer.weight - wanted).norm() < 0.05 * (wanted - start).norm()  # products in bfloat16


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
        ({"adversarial": float("nan")}, "adversarial is nan"),
        ({"dropout": 1.0}, r"not in \[0, 1\)"),
    ],
)
def test_bad_settings(given, message):
    with pytest.raises(InputError, match=message):
        Tuning(**given)


def test_known_and_guessed_classes_count_apart(generator):
    network = to_torch(DBN([RBM(Bernoulli(4), Bernoulli(6))]), 3)
    randomize(network, generator)
    inputs, classes = torch.rand(45, 4, generator=generator), torch.randint(3, (45,), generator=generator)
    each = -torch.log_softmax(network(inputs), 1).detach()[torch.arange(45), classes]
    centred = CentredNetwork(network, inputs)
    loss, of_guesses = _losses(centred, _Batch(inputs, classes, 5), generator)
    assert loss.item() == pytest.approx(each[:5].mean().item(), rel=0.02)  # products in bfloat16
    assert of_guesses.item() == pytest.approx(each[5:].mean().item(), rel=0.02)
    assert _losses(centred, _Batch(inputs, classes, 45), generator)[1] == 0


def test_the_gradient_is_that_of_both_losses(generator):
    """At the examples, and at what they are moved to: a step of that length, uphill, within the range of the data."""
    network = to_torch(DBN([RBM(Bernoulli(4), Bernoulli(6))]), 3)
    randomize(network, generator)
    batch = _Batch(torch.rand(20, 4, generator=generator), torch.randint(3, (20,), generator=generator), 20)
    objective = _Objective.of(CentredNetwork(network, batch.inputs), Tuning(adversarial=0.2), batch.inputs)
    spread = batch.inputs.var(0, correction=0).sum().sqrt().item()
    assert objective.radius == pytest.approx(0.2 * spread)
    inputs = batch.inputs.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(network(inputs), batch.classes)
    uphill = torch.autograd.grad(loss, inputs, retain_graph=True)[0]
    moved = inputs.detach() + 0.2 * spread * uphill / uphill.norm(dim=1, keepdim=True)
    moved = moved.clamp(batch.inputs.min(), batch.inputs.max())
    (loss + torch.nn.functional.cross_entropy(network(moved), batch.classes)).backward()
    expected = [layer.bias.grad.clone() for layer in network if isinstance(layer, torch.nn.Linear)]
    network.zero_grad()
    assert objective.add_gradient(batch, generator).item() == pytest.approx(loss.item(), rel=0.02)  # in bfloat16
    for offset, gradient in zip(objective.network.offsets, expected, strict=True):
        assert (offset.grad - gradient).norm() < 0.05 * gradient.norm()


def test_adversarial_learning_resists():
    digits = load("digits")
    x, y = digits.train.values.float() / digits.train.values.max(), digits.train_labels
    train, validation = (x[:1000], y[:1000]), (x[1000:], y[1000:])
    errors = {}
    for adversarial in (0.0, 0.4):
        network = to_torch(small_rbm(n=64, m=40, coupling=0.2), classes=10)
        list(fine_tune(network, train, validation, Tuning(epochs=40, learning_rate=0.3, adversarial=adversarial)))
        inputs = validation[0].clone().requires_grad_()
        torch.nn.functional.cross_entropy(network(inputs), validation[1]).backward()
        moved = inputs.detach() + 0.5 * inputs.grad / inputs.grad.norm(dim=1, keepdim=True)
        errors[adversarial] = error_of(network, *validation), error_of(network, moved, validation[1])
    assert errors[0.4][1] < errors[0.0][1] - 0.05
    assert errors[0.4][0] <= errors[0.0][0] + 0.02


def test_a_network_learns_guessed_classes():
    """Two stripes, four labels each in opposite corners: these alone are parted best by a boundary that is askew."""
    generator = torch.Generator().manual_seed(0)
    classes = torch.arange(2).repeat_interleave(400)
    along = torch.rand(800, generator=generator)
    inputs = torch.stack([0.25 + 0.5 * classes + 0.03 * torch.randn(800, generator=generator), along], 1)
    chosen = torch.cat([(along[:400] < 0.5).nonzero()[:4], 400 + (along[400:] > 0.5).nonzero()[:4]]).flatten()
    spread = spread_labels(inputs, chosen, classes[chosen], 2)
    errors = {}
    for weight in (0.0, 1.0):
        network = torch.nn.Sequential(torch.nn.Linear(2, 2))
        torch.nn.init.zeros_(network[0].weight)
        tuning = Tuning(epochs=200, batch_size=20, learning_rate=1.0, guess_weight=weight, patience=200)
        list(fine_tune(network, (inputs[chosen], classes[chosen]), (inputs, classes), tuning, (inputs, spread)))
        errors[weight] = error_of(network, inputs, classes)
    assert errors[1.0] == 0 < errors[0.0]


def test_a_batch_has_four_guessed_for_each_known_example(generator):
    known, guessed = torch.arange(6.0)[:, None], 6 + torch.arange(100.0)[:, None]
    batches = _Batches((known, torch.arange(6)), (guessed, 6 + torch.arange(100)), 5)
    epoch = list(batches.epoch(generator))
    assert (len(epoch), batches.known) == (5, 25)
    assert {(len(inputs), count) for inputs, _, count in epoch} == {(25, 5)}
    assert all(torch.equal(inputs.flatten().long(), classes) for inputs, classes, _ in epoch)
    assert all(classes[:5].max() < 6 <= classes[5:].min() for _, classes, _ in epoch)
    seen = torch.cat([classes for _, classes, _ in epoch]).bincount(minlength=106)
    assert seen[6:].tolist() == [1] * 100
    assert seen[:6].tolist().count(4) >= 5  # 25 of 6: each four times, give or take one


def test_wide_networks_leave_out_inputs_and_move_examples_unless_told_otherwise():
    wide, narrow = Tuning().decided([500, 200], 60), Tuning().decided([500, 199], 60)
    assert (wide.input_dropout, wide.adversarial, wide.batch_size) == (0.2, 0.25, 60)
    assert (narrow.input_dropout, narrow.adversarial) == (0.0, 0.0)
    told = Tuning(input_dropout=0.0, adversarial=0.0).decided([500], 1000)
    assert (told.input_dropout, told.adversarial, told.batch_size) == (0.0, 0.0, 100)
