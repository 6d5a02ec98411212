import pytest
import torch

from harmonium.errors import InputError
from harmonium.units import Gaussian


def test_no_step_of_an_optimiser_makes_the_precision_negative():
    units = Gaussian(2)
    optimizer = torch.optim.SGD(units.parameters(), lr=10.0)
    for _ in range(3):
        units.log_precision.grad = torch.ones(2)
        optimizer.step()
    assert torch.all(units.precision > 0)
    assert torch.isfinite(units.variance(torch.zeros(2))).all()


def test_infinite_values_are_refused():
    x = torch.zeros(2, 2)
    x[1, 0] = torch.inf
    with pytest.raises(InputError, match=r"row 1, column 0 .* finite"):
        Gaussian(2).check(x)


def test_a_nearly_constant_column_gets_a_precision_that_can_be_trained():
    units = Gaussian(2)
    units.match_moments(torch.tensor([3.0, 0.0]), torch.tensor([1e-12, 1.0]), 10)
    assert units.precision[0].item() < 10
