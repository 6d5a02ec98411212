import torch

from harmonium import RBM
from harmonium.diagnostics import hidden_units
from harmonium.units import Bernoulli, Gaussian


def test_dead_and_saturated_units_are_found():
    rbm = RBM(Bernoulli(4), Bernoulli(3), weights=torch.zeros(4, 3))
    rbm.hidden.bias.data = torch.tensor([-9.0, 9.0, 0.0])
    rbm.weights.data[0, 2] = 2
    found = hidden_units(rbm, torch.eye(4))
    assert found.dead.tolist() == [True, False, False]
    assert found.saturated.tolist() == [False, True, False]


def test_a_unit_that_is_on_for_one_example_alone_is_not_dead():
    rbm = RBM(Bernoulli(4), Bernoulli(1), weights=torch.tensor([[12.0], [0], [0], [0]]))
    rbm.hidden.bias.data.fill_(-9)
    assert not hidden_units(rbm, torch.eye(4)).dead.any()


def test_a_real_valued_unit_is_dead_if_it_does_not_move():
    rbm = RBM(Bernoulli(4), Gaussian(2), weights=torch.tensor([[1.0, 1e-4], [0, 0], [0, 0], [0, 0]]))
    found = hidden_units(rbm, torch.eye(4))
    assert found.dead.tolist() == [False, True]
    assert not found.saturated.any()
