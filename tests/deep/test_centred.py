"""Networks in centred coordinates."""

import pytest
import torch

from harmonium import RBM
from harmonium.deep import DBN
from harmonium.deep.centred import CentredNetwork
from harmonium.deep.classifier import randomize, to_torch
from harmonium.units import Bernoulli


@pytest.fixture
def network(generator):
    made = to_torch(DBN([RBM(Bernoulli(6), Bernoulli(5)), RBM(Bernoulli(5), Bernoulli(4))]), 3)
    randomize(made, generator)
    return made


def test_it_computes_what_the_network_computes(network, generator):
    inputs = torch.rand(50, 6, generator=generator)
    expected = network(inputs).detach()
    centred = CentredNetwork(network, inputs[:20])
    torch.testing.assert_close(centred(inputs, generator), expected)
    centred.recentre(inputs[20:])
    torch.testing.assert_close(centred(inputs, generator), expected)
    torch.testing.assert_close(network(inputs), expected)
    with torch.no_grad():
        for parameter in (*centred.weights, *centred.offsets):
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    centred.fold()
    torch.testing.assert_close(centred(inputs, generator), network(inputs))


def test_its_gradient_is_that_of_the_network_centred(network, generator):
    r"""dJ/dW_k = dJ/dW_k - dJ/db_k mu_k^T on the right in the coordinates of the network; dJ/da_k = dJ/db_k."""
    inputs, classes = torch.rand(50, 6, generator=generator), torch.randint(3, (50,), generator=generator)
    centred = CentredNetwork(network, inputs)
    torch.nn.functional.cross_entropy(network(inputs), classes).backward()
    x, expected = inputs, []
    for layer in network:
        if isinstance(layer, torch.nn.Linear):
            mean = x.detach().mean(0)
            expected.append((layer.weight.grad - torch.outer(layer.bias.grad, mean), layer.bias.grad.clone()))
        x = layer(x)
    network.zero_grad()
    torch.nn.functional.cross_entropy(centred(inputs, generator), classes).backward()
    for weight, offset, (of_weight, of_offset) in zip(centred.weights, centred.offsets, expected, strict=True):
        torch.testing.assert_close(weight.grad, of_weight)
        torch.testing.assert_close(offset.grad, of_offset)


def test_units_left_out_take_their_mean():
    """Fields keep their means, and a unit that is always at its mean changes nothing."""
    generator = torch.Generator().manual_seed(0)
    network = to_torch(RBM(Bernoulli(3), Bernoulli(4)), 2, input_dropout=0.5)
    randomize(network, generator)
    inputs = torch.rand(1, 3, generator=generator).expand(4000, 3)
    centred = CentredNetwork(network, inputs)
    torch.testing.assert_close(centred(inputs, generator), network.eval()(inputs))
    network.train()
    varied = torch.rand(1, 3, generator=generator).expand(4000, 3)
    fields = torch.logit(CentredNetwork(network[:3], inputs)(varied, generator))
    expected = network[1](varied)[0]
    error = fields.std(0) / 4000**0.5
    assert fields.std(0).min() > 0
    assert ((fields.mean(0) - expected).abs() < 4.5 * error).all()  # false alarm: 3 in 100,000
