"""Networks unrolled from stacks."""

import pytest
import torch

from harmonium import RBM
from harmonium.deep import DBN
from harmonium.deep.classifier import to_torch
from harmonium.errors import InputError
from harmonium.units import Bernoulli, Labelled
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


def test_bad_networks():
    with pytest.raises(InputError, match="at least 2 classes"):
        to_torch(RBM(Bernoulli(4), Bernoulli(3)), classes=1)
    with pytest.raises(InputError, match="dropout is 1"):
        to_torch(RBM(Bernoulli(4), Bernoulli(3)), dropout=1.0)
