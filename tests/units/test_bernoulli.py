import pytest
import torch

from harmonium.errors import InputError
from harmonium.units import Bernoulli


@pytest.mark.parametrize("value", [-0.1, 1.1, torch.inf])
def test_values_outside_0_and_1_are_refused(value):
    x = torch.zeros(2, 3)
    x[0, 2] = value
    with pytest.raises(InputError, match=r"row 0, column 2 .* need values in \[0, 1\]"):
        Bernoulli(3).check(x)


def test_the_bias_of_the_data_is_smoothed():
    units = Bernoulli(2)
    units.match_moments(torch.tensor([0.0, 0.5]), torch.tensor([0.0, 0.25]), 9)
    assert units.bias[0].item() == pytest.approx(torch.logit(torch.tensor(0.05)).item())
    assert units.bias[1].item() == pytest.approx(0.0, abs=1e-6)


def test_extreme_fields_give_no_nan():
    units = Bernoulli(2)
    field = torch.tensor([1e4, -1e4])
    assert units.log_partition(field).item() == pytest.approx(1e4)
    assert units.mean(field).tolist() == [1.0, 0.0]
