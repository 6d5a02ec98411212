"""The estimate from tempered ladders against enumeration."""

import numpy as np
import pytest
import torch

from harmonium.exact import exact_samples
from harmonium.likelihood import exact_log_partition
from harmonium.likelihood.annealed import with_trajectory
from harmonium.likelihood.bracket import Bracket
from harmonium.likelihood.bridge import MORE, Bridge, bridge, trajectory_bridge
from harmonium.likelihood.estimates import LogPartition
from harmonium.sampling import GeometricPath
from harmonium.sampling.path import independent
from models import PAIRS, small_rbm


@pytest.mark.parametrize(("visible", "hidden"), PAIRS)
def test_it_agrees_with_the_exact_value(visible, hidden, generator):
    """Five standard errors of a mean of 10 groups (t with 9 degrees of freedom): false-alarm rate 7e-4 a pair."""
    rbm = small_rbm(visible, hidden)
    path = GeometricPath(rbm)
    found = bridge(path, generator, steps=400)
    exact = exact_log_partition(rbm).item() - path.base_log_partition()
    assert abs(found.value - exact) < 5 * found.standard_error
    assert found.standard_error < 0.1
    assert found.round_trips > 100


def test_its_states_are_samples_of_the_model(generator):
    """Mean free energies; 20 ladders are 20 independent means: t-test at a false-alarm rate of 1e-4."""
    rbm = small_rbm(n=8, m=5, coupling=1.5)
    found = bridge(GeometricPath(rbm), generator, steps=500)
    means = rbm.free_energy(found.visible).view(20, MORE).mean(1)
    exact = rbm.free_energy(exact_samples(rbm, 100_000, generator)).mean()
    assert abs(means.mean() - exact) < 4.9 * means.std() / 20**0.5


def test_models_of_training_agree_with_the_exact_value(generator):
    """Five standard errors of a mean of 10 groups: false-alarm rate 7e-4."""
    rbm = small_rbm(n=8, m=5, coupling=1.5)
    models = [independent(rbm), small_rbm(n=8, m=5, coupling=0.5, seed=3), rbm]
    found = trajectory_bridge(models, generator, steps=400)
    exact = exact_log_partition(rbm).item() - exact_log_partition(models[0]).item()
    assert abs(found.value - exact) < 5 * found.standard_error
    assert found.standard_error < 0.1
    annealed = LogPartition(exact_log_partition(rbm).item() + 5, 0.1, 0.0, 1e3, "ais")
    beside = with_trajectory(annealed, models, generator, 100)
    assert beside.diagnostics["trajectory"] == pytest.approx(exact_log_partition(rbm).item(), abs=0.2)
    assert (beside.value, beside.lower, beside.warnings) == (annealed.value, 0.0, ())


def ladders(value, error=0.1):
    return Bridge(value, error, np.ones(3), 100, torch.zeros(0))


def test_a_bridge_far_outside_widens_the_bracket_and_one_inside_does_not():
    bracket = Bracket(10.0, 0.1, 9.5, 10.5)
    bracket.check_bridge(ladders(10.4))
    bracket.check_bridge(ladders(10.9))  # outside by less than half a nat
    assert (bracket.lower, bracket.upper, bracket.warnings) == (9.5, 10.5, [])
    bracket.check_bridge(ladders(12.0))
    assert (bracket.lower, bracket.upper) == (9.5, 12.0)
    assert "1.5 nats outside" in bracket.warnings[0]
    bracket = Bracket(10.0, 0.1, 9.5, 10.5)
    bracket.check_bridge(ladders(12.0, error=2.0))  # it does not claim to know
    assert not bracket.warnings
