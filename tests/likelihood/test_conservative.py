"""Reverse annealing from examples against the distribution of annealing, computed with matrices."""

import pytest
import torch

from harmonium.errors import InputError
from harmonium.exact import exact_samples, layer_states
from harmonium.likelihood import conservative_log_probability, exact_log_probability
from harmonium.likelihood.annealing import anneal_back
from harmonium.likelihood.spacing import power_spacing
from harmonium.sampling import GeometricPath
from harmonium.sampling.path import independent
from models import small_rbm


def transition(rbm, states):
    """T(v, v') of a Gibbs sweep: (16, 16), by summing over all h."""
    tops = layer_states(rbm.hidden).double()
    up = torch.softmax(-rbm.energy(states[:, None], tops), 1)
    down = torch.softmax(-rbm.energy(states[:, None], tops), 0)
    return up @ down.T


@pytest.mark.parametrize("temperatures", [3, 10])
def test_weights_average_to_the_distribution_of_annealing(temperatures, generator):
    """Five standard errors for each of 16 states: false-alarm rate below 1e-5."""
    rbm = small_rbm(coupling=0.7)
    path, betas, states = GeometricPath(rbm), power_spacing(temperatures), layer_states(rbm.visible).double()
    models = [rbm.interpolate(independent(rbm), beta) for beta in betas]
    annealed = torch.softmax(-models[0].free_energy(states), 0)
    for model in models[1:]:
        annealed = annealed @ transition(model, states)
    runs = 4000
    backward = anneal_back(path, betas, states.repeat(runs, 1), generator)
    score = -rbm.free_energy(states) - path.base_log_partition()
    estimates = torch.exp(score - backward.log_weights.view(runs, 16))
    assert torch.all((estimates.mean(0) - annealed).abs() < 5 * estimates.std(0) / runs**0.5)


def test_it_errs_downwards_and_less_with_more_temperatures(generator):
    """The mean over samples of the model, paired with the exact log P; the gap shrinks from above 5 standard errors."""
    rbm = small_rbm(n=8, m=6, coupling=1.5)
    v = exact_samples(rbm, 500, generator)
    gaps = []
    for temperatures in (5, 50):
        gap = exact_log_probability(rbm, v) - conservative_log_probability(
            rbm, v, generator, runs=2, temperatures=temperatures
        )
        assert gap.mean() > 0
        gaps.append(gap.mean())
    assert gaps[1] < 0.5 * gaps[0]


def test_wrong_use(generator):
    rbm = small_rbm()
    with pytest.raises(InputError, match="no example"):
        conservative_log_probability(rbm, torch.zeros(0, 4), generator)
    with pytest.raises(InputError, match="at least 1"):
        conservative_log_probability(rbm, torch.zeros(1, 4), generator, runs=0)
    with pytest.raises(InputError, match="5 columns"):
        conservative_log_probability(rbm, torch.zeros(1, 5), generator)
