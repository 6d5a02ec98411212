"""What directed layers learn by, against autograd."""

import pytest
import torch

from harmonium.deep.bound import log_conditional
from harmonium.gradients.directed import write_downward_gradient, write_upward_gradient
from models import PAIRS, random_states, small_rbm


@pytest.mark.parametrize(("visible", "hidden"), PAIRS)
@pytest.mark.parametrize("upward", [False, True])
def test_the_closed_form_is_that_of_autograd(visible, hidden, upward, generator):
    rbm = small_rbm(visible, hidden)
    v, h = random_states(rbm.visible, 6, generator), random_states(rbm.hidden, 6, generator)
    units = rbm.hidden if upward else rbm.visible
    states, field = (h, rbm.hidden_field(v)) if upward else (v, rbm.visible_field(h))
    parameters = [rbm.weights, *units.parameters()]
    expected = torch.autograd.grad(-log_conditional(units, states, field).mean(), parameters)
    (write_upward_gradient if upward else write_downward_gradient)(rbm, v, h)
    for parameter, gradient in zip(parameters, expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
