import pytest
import torch

from harmonium import RBM
from harmonium.errors import InputError
from harmonium.exact import joint_normal
from harmonium.units import Gaussian
from models import small_rbm


def test_the_closed_form_is_the_numerical_integral():
    rbm = small_rbm("gaussian", "gaussian", n=1, m=1)
    x = torch.linspace(-15, 15, 1501, dtype=torch.float64)
    v, h = torch.meshgrid(x, x, indexing="ij")
    density = torch.exp(-rbm.energy(v[..., None], h[..., None])).detach()
    cell = (x[1] - x[0]) ** 2
    joint = joint_normal(rbm)
    total = density.sum() * cell
    torch.testing.assert_close(joint.log_partition, total.log())
    mean = torch.stack([(density * v).sum(), (density * h).sum()]) * cell / total
    torch.testing.assert_close(joint.mean, mean)
    covariance = (density * (v - mean[0]) * (h - mean[1])).sum() * cell / total
    torch.testing.assert_close(joint.covariance[0, 1], covariance)


def test_a_model_without_a_finite_integral_is_refused():
    with pytest.raises(InputError, match="no distribution"):
        joint_normal(RBM(Gaussian(2), Gaussian(2), weights=torch.full((2, 2), 2.0)))


def test_other_families_are_refused():
    with pytest.raises(InputError, match="gaussian units on both sides"):
        joint_normal(small_rbm("gaussian", "bernoulli"))
