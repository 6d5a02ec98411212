import pytest
import torch

from harmonium import RBM
from harmonium.exact import exact_samples
from harmonium.likelihood import exact_log_partition, trail
from harmonium.likelihood.brief import brief_log_partition
from harmonium.units import Bernoulli


def wandering(seed, n=20, m=8, models=4):
    """Yield models as a run might make them: from weak weights to strong ones."""
    generator = torch.Generator().manual_seed(seed)
    weights = 0.05 * torch.randn(n, m, generator=generator)
    for _ in range(models):
        weights = weights + 0.15 * torch.randn(n, m, generator=generator)
        rbm = RBM(Bernoulli(n), Bernoulli(m), weights=weights.clone())
        rbm.hidden.bias.data = 0.3 * torch.randn(m, generator=generator)
        yield rbm


def test_log_z_is_carried_from_model_to_model_within_its_error():
    """Ten wanderings: z-scores of the last; |z| > 4 has a false-alarm rate of 6e-5 each."""
    scores = []
    for seed in range(10):
        generator, last = torch.Generator().manual_seed(seed), None
        for rbm in wandering(seed):
            samples = exact_samples(rbm, trail.PARTICLES, generator)
            if last is None:
                value, error = float(exact_log_partition(rbm)), 0.0
            else:
                value, error = trail.carry(last, rbm, exact_samples(rbm, 100, generator), generator)
            last = trail.Milestone(rbm, samples, value, error**2)
        scores.append((value - float(exact_log_partition(rbm))) / error)
    assert max(map(abs, scores)) < 4
    assert sum(score**2 for score in scores) / 10 < 3  # chi-square of 10 degrees: false alarms below 1e-3


def test_the_brief_estimate_agrees_with_enumeration_within_its_error():
    scores = []
    for seed in range(10):
        *_, rbm = wandering(seed)
        generator = torch.Generator().manual_seed(seed)
        examples = exact_samples(rbm, 300, generator)
        value, error = brief_log_partition(rbm, examples, generator, temperatures=100)
        scores.append((value - float(exact_log_partition(rbm))) / error)
        assert error < 1
    assert max(map(abs, scores)) < 4  # false-alarm rate 6e-5 each


def test_a_seed_decides():
    rbm = next(wandering(0))
    examples = exact_samples(rbm, 100, torch.Generator().manual_seed(1))
    found = [brief_log_partition(rbm, examples, torch.Generator().manual_seed(2), 50) for _ in range(2)]
    assert found[0] == pytest.approx(found[1], abs=0)
