import pytest
import torch

from harmonium import RBM
from harmonium.exact import exact_samples
from harmonium.likelihood import exact_log_partition, trail
from harmonium.sampling.path import independent
from harmonium.units import Bernoulli, Gaussian


def wandering(seed, visible=Bernoulli, n=20, m=8, models=6):
    """Yield models as a run might make them: from hardly any weights to strong ones."""
    generator = torch.Generator().manual_seed(seed)
    weights = 0.05 * torch.randn(n, m, generator=generator)
    for _ in range(models):
        weights = weights + 0.15 * torch.randn(n, m, generator=generator)
        rbm = RBM(visible(n), Bernoulli(m), weights=weights)
        rbm.hidden.bias.data = 0.3 * torch.randn(m, generator=generator)
        yield rbm


@pytest.mark.parametrize("visible", [Bernoulli, Gaussian])
@pytest.mark.parametrize("with_chains", [True, False])
def test_log_z_is_carried_along_within_its_error(visible, with_chains):
    """Ten wanderings of six models: z-scores of the last; |z| > 4 has a false-alarm rate of 6e-5 each."""
    scores = []
    for seed in range(10):
        generator, state = torch.Generator().manual_seed(seed), None
        for rbm in wandering(seed, visible):
            state = trail.init(independent(rbm), generator) if state is None else state
            chains = exact_samples(rbm, 100, generator) if with_chains and visible is Bernoulli else None
            state, levels = trail.step(state, rbm, generator, chains)
            assert levels >= 1
        scores.append((state.value - float(exact_log_partition(rbm))) / state.error)
    assert max(map(abs, scores)) < 4
    assert sum(score**2 for score in scores) / 10 < 3  # chi-square of 10 degrees: false alarms below 1e-3


def test_it_begins_exactly():
    rbm = next(wandering(0))
    base = independent(rbm)
    state = trail.init(base, torch.Generator().manual_seed(0))
    assert state.value == pytest.approx(float(exact_log_partition(base)))
    assert state.error == 0


def test_a_state_comes_back_from_its_tensors():
    generator = torch.Generator().manual_seed(0)
    first, second = list(wandering(1))[:2]
    begin = trail.init(independent(first), generator)
    state, _ = trail.step(begin, first, generator)
    again = begin.restored(state.tensors(), state.numbers())
    ends = [trail.step(s, second, torch.Generator().manual_seed(5))[0] for s in (state, again)]
    assert ends[0].value == ends[1].value
    assert torch.equal(ends[0].visible, ends[1].visible)
