import pytest
import torch
from scipy import stats

from harmonium.exact import exact_samples, joint_normal, layer_states
from models import PAIRS, small_rbm


def test_counts_follow_the_enumerated_distribution(generator):
    # One chi-square test: false-alarm rate 1e-5.
    for n, m in ((4, 3), (3, 5)):  # enumerated from the hidden and from the visible side
        rbm = small_rbm(n=n, m=m)
        samples = exact_samples(rbm, 50_000, generator)
        powers = 2 ** torch.arange(n - 1, -1, -1, dtype=torch.float64)
        observed = torch.bincount((samples @ powers).long(), minlength=2**n)
        expected = torch.softmax(-rbm.free_energy(layer_states(rbm.visible)), 0).detach() * 50_000
        assert stats.chisquare(observed.numpy(), expected.numpy()).pvalue > 1e-5


def test_gaussian_pair_has_the_closed_form_moments(generator):
    rbm = small_rbm("gaussian", "gaussian")
    samples, joint = exact_samples(rbm, 100_000, generator), joint_normal(rbm)
    error = (joint.covariance.diagonal()[:4] / 100_000).sqrt()
    assert torch.all((samples.mean(0) - joint.mean[:4]).abs() < 5 * error)


@pytest.mark.parametrize(("visible", "hidden"), PAIRS)
def test_shape_and_seed(visible, hidden):
    rbm = small_rbm(visible, hidden)
    first, second = (exact_samples(rbm, 7, torch.Generator().manual_seed(3)) for _ in range(2))
    assert first.shape == (7, 4)
    assert torch.equal(first, second)
