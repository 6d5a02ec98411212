import pytest
import torch

from harmonium import RBM
from harmonium.errors import InputError
from harmonium.exact import enumerable_side, layer_states
from harmonium.units import Bernoulli, Gaussian
from models import small_rbm


def test_all_states_once_in_the_order_of_counting():
    states = layer_states(Bernoulli(3))
    assert len({tuple(s) for s in states.tolist()}) == 8
    assert torch.equal(states @ torch.tensor([4.0, 2.0, 1.0]), torch.arange(8.0))
    assert torch.equal(layer_states(Bernoulli(3), 2, 5), states[2:5])


def test_the_smaller_finite_layer_is_chosen():
    assert enumerable_side(small_rbm(n=4, m=3)).visible.size == 3
    assert enumerable_side(small_rbm(n=2, m=3)).visible.size == 2
    assert enumerable_side(small_rbm("gaussian", "bernoulli", n=2, m=5)).visible.family == "bernoulli"


def test_what_cannot_be_enumerated_says_why():
    with pytest.raises(InputError, match="finite"):
        enumerable_side(RBM(Gaussian(2), Gaussian(2)))
    with pytest.raises(InputError, match="no finite state space"):
        layer_states(Gaussian(2))
    with pytest.raises(InputError, match=r"30 bernoulli units has 2\^30 states"):
        layer_states(Bernoulli(30))
