import pytest
import torch

from harmonium.errors import InputError
from harmonium.exact import exact_samples
from harmonium.gradients import (
    ContrastiveDivergence,
    PersistentContrastiveDivergence,
    make_estimator,
    state_statistics,
)
from harmonium.gradients.exact import exact_model_statistics
from harmonium.sampling import gibbs
from models import PAIRS, random_states, small_rbm

pairs = pytest.mark.parametrize(("visible", "hidden"), PAIRS)


def assert_near(estimate, exact, cases):
    """Means of `cases` independent terms of unit size: six standard errors of at most 1.5, false alarms below 1e-5."""
    bound = 6 * 1.5 / cases**0.5
    assert torch.all((estimate.weights - exact.weights).abs() < bound)
    for side in ("visible", "hidden"):
        for name, value in getattr(exact, side).items():
            assert torch.all((getattr(estimate, side)[name] - value).abs() < bound), name


@pairs
def test_cd_from_exact_samples_gives_the_exact_model_term(visible, hidden, generator):
    """At the model's own distribution CD's bias vanishes: its chains are stationary there."""
    rbm = small_rbm(visible, hidden, coupling=0.7)
    with torch.no_grad():
        data = gibbs.init(rbm, exact_samples(rbm, 100_000, generator))
        estimate, chains = ContrastiveDivergence(3).model_statistics(rbm, data, None, generator)
        assert chains is None
        assert_near(estimate, exact_model_statistics(rbm), 100_000)


@pairs
def test_long_pcd_chains_give_the_exact_model_term(visible, hidden, generator):
    rbm = small_rbm(visible, hidden, coupling=0.7)
    with torch.no_grad():
        data = gibbs.init(rbm, random_states(rbm.visible, 2, generator))
        pcd = PersistentContrastiveDivergence(steps=200, chains=50_000)
        estimate, chains = pcd.model_statistics(rbm, data, pcd.init(rbm, generator), generator)
        assert chains.visible.shape == (50_000, 4)
        assert_near(estimate, exact_model_statistics(rbm), 50_000)


def test_cd_points_uphill(generator):
    """The expected CD-1 direction has a positive inner product with the exact gradient, for ten random problems."""
    for seed in range(10):
        rbm = small_rbm(seed=seed)
        with torch.no_grad():
            v = random_states(small_rbm(seed=seed + 100).visible, 20, generator)
            data = gibbs.init(rbm, v)
            many = gibbs.init(rbm, v.repeat(2000, 1))
            cd, _ = ContrastiveDivergence(1).model_statistics(rbm, many, None, generator)
            positive = state_statistics(rbm, data).weights
            exact = positive - exact_model_statistics(rbm).weights
            assert ((positive - cd.weights) * exact).sum() > 0


def test_pcd_goes_on_from_where_its_chains_stand(generator):
    rbm = small_rbm()
    with torch.no_grad():
        pcd = PersistentContrastiveDivergence(steps=1, chains=7)
        data = gibbs.init(rbm, random_states(rbm.visible, 3, generator))
        chains = pcd.init(rbm, generator)
        expected = gibbs.step(rbm, chains, torch.Generator().manual_seed(4))
        _, moved = pcd.model_statistics(rbm, data, chains, torch.Generator().manual_seed(4))
        assert torch.equal(moved.visible, expected.visible)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pdc",), "did you mean 'pcd'"),
        (("cd", 0), "at least 1 Gibbs step"),
        (("pcd", 1, 0), "at least 1 chain"),
    ],
)
def test_wrong_settings_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        make_estimator(*arguments)
