import numpy as np
import pytest
import torch

from harmonium import RBM
from harmonium.diagnostics import Regime, diagnose, dream_quality
from harmonium.diagnostics.adversarial import AdversarialAccuracy
from harmonium.errors import InputError
from harmonium.exact import exact_samples
from harmonium.sampling import gibbs
from harmonium.units import Bernoulli
from models import PAIRS, small_rbm


def regime(from_noise, from_data):
    curves = ([AdversarialAccuracy(0.5 + x, 0.5 - x) for x in curve] for curve in (from_noise, from_data))
    return Regime(np.arange(1, 8), *curves, np.zeros((7, 2)), 0.07)


@pytest.mark.parametrize(
    ("from_noise", "from_data", "verdict", "best"),
    [
        ([0.5, 0.4, 0.3, 0.2, 0.1, 0.1, 0.1], [0.1] * 7, "equilibrium", 6),
        ([0.5, 0.2, 0.1, 0.2, 0.3, 0.3, 0.3], [0.1, 0.1, 0.1, 0.2, 0.3, 0.3, 0.3], "out of equilibrium", 3),
        ([0.5, 0.5, 0.4, 0.4, 0.4, 0.4, 0.4], [0.1] * 7, "not settled", 4),
        ([0.4] * 7, [0.1, 0.1, 0.1, 0.2, 0.3, 0.4, 0.4], "out of equilibrium", 2),
    ],
)
def test_the_verdict(from_noise, from_data, verdict, best):
    found = regime(from_noise, from_data)
    assert found.verdict == verdict
    assert found.best == best


def test_a_model_held_against_its_own_samples_is_in_equilibrium(generator):
    rbm = small_rbm(n=12, m=6, coupling=0.5)
    found = dream_quality(rbm, exact_samples(rbm, 600, generator), generator, steps=200)
    assert found.verdict == "equilibrium"
    assert found.from_noise[-1].departure < 0.12
    assert found.free_energy.shape == (200, 300)


def test_chains_that_cannot_leave_their_mode_are_not_settled(generator):
    """Two modes far apart; noise falls into both alike, the data come from one alone."""
    n = 20
    rbm = RBM(Bernoulli(n), Bernoulli(10), weights=torch.full((n, 10), 3.0))
    rbm.visible.bias.data.fill_(-15.0)
    rbm.hidden.bias.data.fill_(-30.0)
    rbm.visible.bias.data[: n // 2] += torch.linspace(-1, 1, n // 2)
    data = (torch.rand(400, n, generator=generator) > 0.1).float()
    assert dream_quality(rbm, data, generator, steps=50).verdict != "equilibrium"


def test_too_few_examples(generator):
    with pytest.raises(InputError, match="at least 4 examples"):
        dream_quality(small_rbm(), torch.zeros(3, 4), generator)


@pytest.mark.parametrize(("visible", "hidden"), PAIRS)
def test_every_pair_of_families_is_diagnosed(visible, hidden, generator):
    rbm = small_rbm(visible, hidden, coupling=0.5)
    train, validation = exact_samples(rbm, 300, generator), exact_samples(rbm, 250, generator)
    found, _ = diagnose(rbm, train, generator, validation=validation, chains=gibbs.init(rbm, train[:20]))
    assert found.free_energy_gap == pytest.approx(found.free_energy_validation - found.free_energy_train)
    assert found.r_hat < 1.05
    assert found.autocorrelation_time < 50
    alone, _ = diagnose(rbm, train, generator)
    assert alone.free_energy_validation is None is alone.free_energy_gap


def test_intensities_are_drawn_before_they_are_held_against_states(generator):
    rbm = RBM(Bernoulli(6), Bernoulli(2), weights=torch.zeros(6, 2))
    _, found = diagnose(rbm, torch.full((600, 6), 0.5), generator)
    assert found.from_noise[-1].departure < 0.15
