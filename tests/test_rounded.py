"""The model that samplers see in mixed precision."""

import pytest
import torch

from harmonium import RBM, rounded
from harmonium.kernels import PackedWeights, backend
from harmonium.rounded import RoundedRBM, gains
from harmonium.sampling import check_kernel, gibbs
from harmonium.units import Bernoulli, Gaussian

pytestmark = pytest.mark.skipif(bool(backend.why_not()), reason="the compiled kernels are switched off")


def wide_rbm():
    generator = torch.Generator().manual_seed(0)
    return RBM(Bernoulli(700), Bernoulli(100), weights=torch.randn(700, 100, generator=generator))


@pytest.mark.parametrize("density", [0.1, 0.9])
def test_fields_are_those_of_the_rounded_weights(density, generator):
    rbm = wide_rbm()
    seen = RoundedRBM(rbm)
    v = (torch.rand(50, 700, generator=generator) < density).float()
    h = (torch.rand(50, 100, generator=generator) < density).float()
    # A weight is off by 2^-8 of itself at most, and not at all where the states are dense.
    bound = (v @ rbm.weights.abs()) * 2**-8 + 1e-4
    assert ((seen.hidden_field(v) - rbm.hidden_field(v)).abs() <= bound).all()
    bound = (h @ rbm.weights.abs().T) * 2**-8 + 1e-4
    assert ((seen.visible_field(h) - rbm.visible_field(h)).abs() <= bound).all()


def test_it_shares_the_parameters_and_takes_them_over():
    rbm = wide_rbm()
    seen = RoundedRBM(rbm)
    assert seen.weights is rbm.weights
    assert seen.hidden is rbm.hidden
    rbm.weights.data.mul_(2)
    seen.refresh()
    assert torch.equal(seen.packed.rows, PackedWeights(rbm.weights.detach()).rows)


def test_where_it_gains():
    with torch.no_grad():
        assert gains(wide_rbm())
        assert not gains(RBM(Bernoulli(50), Bernoulli(50)))
        assert not gains(RBM(Gaussian(700), Bernoulli(100)))
        assert not gains(wide_rbm().double())


def test_chains_of_the_rounded_model_keep_the_distribution_of_the_rounded_weights(generator, monkeypatch):
    """Stationarity, false-alarm rate 1e-4; in float32, so that the compiled kernels do the work."""
    rbm = RBM(Bernoulli(6), Bernoulli(4), weights=1.5 * torch.randn(6, 4, generator=generator).bfloat16().float())
    seen = RoundedRBM(rbm)
    monkeypatch.setattr(rounded, "is_sparse", lambda states: True)  # rows are added, however many

    class Rounded:
        init = staticmethod(lambda _, visible: gibbs.init(seen, visible))
        step = staticmethod(lambda _, state, generator: gibbs.step(seen, state, generator))

    assert check_kernel(Rounded(), rbm, generator).passed
