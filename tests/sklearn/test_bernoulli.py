"""scikit-learn's own tests of its class, run on ours; check_estimator; and what ours has and theirs has not."""

import importlib.util
import itertools
import pickle

import numpy as np
import pandas
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import BernoulliRBM as TheirBernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from harmonium.exchange import from_sklearn
from harmonium.likelihood import exact_log_probability
from harmonium.sklearn import BernoulliRBM, small

# scikit-learn's own test module, a fresh copy of it, with our class in the place of theirs. A class of tests that
# collects nothing (a renamed module, say) would pass unseen, so their number is looked at too.
THEIRS = importlib.util.module_from_spec(importlib.util.find_spec("sklearn.neural_network.tests.test_rbm"))
THEIRS.__spec__.loader.exec_module(THEIRS)
THEIRS.BernoulliRBM = BernoulliRBM
THEIR_TESTS = {name: test for name, test in vars(THEIRS).items() if name.startswith("test_")}
globals().update(THEIR_TESTS)

DIGITS = load_digits().data / 16


def test_their_tests_are_there():
    assert len(THEIR_TESTS) >= 14
    assert all(test.__globals__["BernoulliRBM"] is BernoulliRBM for test in THEIR_TESTS.values())


@pytest.mark.parametrize("largest", [small.LARGEST, 0], ids=["numpy", "torch"])
def test_check_estimator(largest, monkeypatch):
    monkeypatch.setattr(small, "LARGEST", largest)
    check_estimator(BernoulliRBM(n_components=16, n_iter=3))


@pytest.mark.parametrize("name", ["test_fit", "test_partial_fit", "test_convergence_dtype_consistency"])
def test_their_tests_of_learning_pass_in_the_loop_of_the_library(name, monkeypatch):
    monkeypatch.setattr(small, "LARGEST", 0)
    THEIR_TESTS[name]()


def exact_mean(estimator, X):
    return float(exact_log_probability(from_sklearn(estimator).double(), torch.from_numpy(X)).mean())


@pytest.mark.parametrize("largest", [small.LARGEST, 0], ids=["numpy", "torch"])
@pytest.mark.parametrize("method", ["pcd", "cd"])
def test_what_is_learned_by_exact_likelihood(largest, method, monkeypatch):
    """Three patterns, of an entropy of log 3 = 1.10 nats; units on their own would give -3.8."""
    monkeypatch.setattr(small, "LARGEST", largest)
    X = np.repeat([[0, 0, 0, 0, 1, 1], [1, 1, 1, 0, 0, 0], [1, 0, 1, 0, 1, 0]], 40, axis=0).astype(float)
    rbm = BernoulliRBM(6, method=method, n_iter=300, batch_size=20, learning_rate=0.05, chains=50, random_state=0).fit(
        X
    )
    assert exact_mean(rbm, X) > -np.log(6)
    assert np.allclose(rbm.log_likelihood(X).mean(), exact_mean(rbm, X), atol=1e-4)
    assert rbm.log_partition().method == "exact"
    drawn = rbm.sample(400, steps=200)
    assert (drawn[:, None] == np.unique(X, axis=0)).all(-1).any(1).mean() > 0.6
    assert rbm.h_samples_.shape == (50, 6)


def test_a_better_model_than_theirs_with_the_same_settings():
    """Mean over three seeds of the annealed log-likelihood of the binarised digits, after the same passes."""
    states = torch.from_numpy(DIGITS > 0.5).float()

    def mean(kind):
        found = []
        for seed in range(3):
            rbm = from_sklearn(kind(16, n_iter=10, random_state=seed).fit(DIGITS)).double()
            found.append(float(exact_log_probability(rbm, states.double()).mean()))
        return np.mean(found)

    assert mean(BernoulliRBM) > mean(TheirBernoulliRBM) + 0.3


def test_a_smaller_batch_counts_by_its_share():
    X = np.tile([[1.0, 0.0]], (10, 1))
    for size, share in ((10, 1.0), (5, 0.5)):
        parameters = small.Parameters(np.zeros((3, 2)), np.zeros(3), np.zeros(2), np.zeros((10**5, 3)))
        small.one_pass(X[:size], parameters, 0.1, 10, np.random.RandomState(0))
        # <v> of the batch less that of the chains, which are fair coins: (1/2, -1/2), to five standard errors
        assert np.allclose(parameters.intercept_visible, 0.1 * share * np.array([0.5, -0.5]), atol=1e-3)


def test_the_visible_intercepts_start_at_the_data():
    rbm = BernoulliRBM(4, n_iter=0).fit(DIGITS)
    means = (len(DIGITS) * DIGITS.mean(0) + 0.5) / (len(DIGITS) + 1)
    assert np.allclose(rbm.intercept_visible_, np.log(means / (1 - means)))


@pytest.mark.parametrize("largest", [small.LARGEST, 0], ids=["numpy", "torch"])
def test_sparse_and_dense_learn_the_same(largest, monkeypatch):
    monkeypatch.setattr(small, "LARGEST", largest)
    X = (DIGITS[:200] > 0.5).astype(float)
    one, other = (BernoulliRBM(8, n_iter=2, random_state=0).fit(made(X)) for made in (np.asarray, sparse.csr_matrix))
    assert np.allclose(one.components_, other.components_, atol=1e-5)
    assert np.allclose(one.score_samples(X), other.score_samples(sparse.csr_array(X)), atol=1e-4)


@pytest.mark.parametrize("largest", [small.LARGEST, 0], ids=["numpy", "torch"])
def test_partial_fit_goes_on_after_pickling(largest, monkeypatch):
    monkeypatch.setattr(small, "LARGEST", largest)
    rbm = BernoulliRBM(8, random_state=0)
    assert rbm.partial_fit(DIGITS[:105]) is rbm
    again = pickle.loads(pickle.dumps(rbm))
    before = again.components_.copy()
    again.partial_fit(DIGITS[105:200])
    assert not np.array_equal(again.components_, before)
    assert np.isfinite(again.score_samples(DIGITS[:50])).all()


def test_features_of_sparse_text_are_not_all_ones():
    """Rare words, 2 % ones (scikit-learn's issue 9694): its features are the same for all; ours tell topics apart."""
    rng = np.random.default_rng(0)
    words = np.clip(np.exp(rng.normal(0, 1, (5, 500))) * 0.9 / np.arange(1, 501) ** 0.7, 0, 0.9)
    topics = rng.integers(0, 5, 600)
    X = sparse.csr_matrix((rng.random((600, 500)) < words[topics]).astype(float))
    features = {kind: kind(20, random_state=0).fit(X).transform(X) for kind in (TheirBernoulliRBM, BernoulliRBM)}
    spread = {kind: found.std(0).mean() for kind, found in features.items()}
    assert spread[TheirBernoulliRBM] < 0.05 < 0.2 < spread[BernoulliRBM]
    right = LogisticRegression(max_iter=500).fit(features[BernoulliRBM][:400], topics[:400])
    assert right.score(features[BernoulliRBM][400:], topics[400:]) > 0.9


def test_score_samples_is_the_pseudo_likelihood_on_average():
    """Against all flips of the unit, over 500 seeds: six standard errors."""
    rbm = BernoulliRBM(6, n_iter=5, random_state=0).fit(DIGITS)
    row = (DIGITS[:1] > 0.5).astype(float)
    flipped = np.abs(row - np.eye(64))
    exact = -64 * np.logaddexp(0, -(rbm._free_energy(flipped) - rbm._free_energy(row))).mean()
    found = [float(rbm.set_params(random_state=seed).score_samples(row)[0]) for seed in range(500)]
    assert abs(np.mean(found) - exact) < 6 * np.std(found) / 500**0.5


def test_in_a_pipeline_a_search_and_pandas():
    y = load_digits().target[:300]
    pipeline = make_pipeline(BernoulliRBM(20, random_state=0, n_iter=3), LogisticRegression(max_iter=200))
    search = GridSearchCV(pipeline, {"bernoullirbm__n_components": [5, 20]}, cv=2).fit(DIGITS[:300], y)
    assert search.best_params_ == {"bernoullirbm__n_components": 20}
    rbm = clone(pipeline[0]).set_output(transform="pandas")
    for frame in (rbm.fit_transform(DIGITS[:50]), rbm.transform(DIGITS[:50])):
        assert list(frame.columns[:2]) == ["bernoullirbm0", "bernoullirbm1"]


def test_bad_input_is_said_as_scikit_learn_says_it():
    with pytest.raises(NotFittedError):
        BernoulliRBM().sample(3)
    with pytest.raises(ValueError, match="contains NaN"):
        BernoulliRBM().fit([[np.nan, 1.0]])
    with pytest.raises(ValueError, match="'method' parameter of BernoulliRBM must be a str among"):
        BernoulliRBM(method="newton").fit(DIGITS)
    rbm = BernoulliRBM(4, n_iter=1).fit(DIGITS)
    with pytest.raises(ValueError, match="X has 3 features, but BernoulliRBM is expecting 64"):
        rbm.transform(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="binarise X"):
        rbm.log_likelihood(DIGITS)
    with pytest.raises(ValueError, match="n_samples == 0, must be >= 1"):
        rbm.sample(0)
    with pytest.raises(TypeError, match="n_samples must be an instance of int"):
        rbm.sample(2.5)
    with pytest.raises(ValueError, match="X has 3 features, but BernoulliRBM is expecting 64"):
        rbm.gibbs(np.zeros((2, 3)))


@pytest.mark.parametrize("largest", [small.LARGEST, 0], ids=["numpy", "torch"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_divergence_is_said(largest, dtype, monkeypatch):
    monkeypatch.setattr(small, "LARGEST", largest)
    with pytest.raises(ValueError, match="training diverged: lower learning_rate"):
        BernoulliRBM(8, learning_rate=1e30).fit(DIGITS.astype(dtype))


def total_probability(rbm):
    states = np.array(list(itertools.product((0.0, 1.0), repeat=8)))
    return np.exp(rbm.log_likelihood(states)).sum()


@pytest.mark.parametrize("largest", [small.LARGEST, 0], ids=["numpy", "torch"])
def test_probabilities_add_up_to_one_however_the_model_changes(largest, monkeypatch):
    monkeypatch.setattr(small, "LARGEST", largest)
    X = (DIGITS[:, 26:34] > 0.5).astype(float)
    rbm = BernoulliRBM(5, n_iter=3, random_state=0).fit(X)
    assert total_probability(rbm) == pytest.approx(1, abs=1e-4)
    assert total_probability(rbm.partial_fit(X)) == pytest.approx(1, abs=1e-4)
    rbm.intercept_hidden_ = rbm.intercept_hidden_ + 1
    assert total_probability(rbm) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("largest", [small.LARGEST, 0], ids=["numpy", "torch"])
def test_partial_fit_heeds_parameters_that_were_set_since(largest, monkeypatch):
    monkeypatch.setattr(small, "LARGEST", largest)
    rbm = BernoulliRBM(8, learning_rate=1e-9, random_state=0).partial_fit(DIGITS)
    before = rbm.components_.copy()
    assert np.abs(rbm.partial_fit(DIGITS).components_ - before).max() < 1e-5
    rbm.set_params(learning_rate=0.1, chains=33).partial_fit(DIGITS)
    assert np.abs(rbm.components_ - before).max() > 1e-2
    assert rbm.h_samples_.shape == (33, 8)
    learned = rbm.components_.copy()
    rbm.set_params(method="cd", learning_rate=1e-9).partial_fit(DIGITS)
    assert np.abs(rbm.components_ - learned).max() < 1e-5


def test_what_is_fitted_again_owes_nothing_to_before():
    once = BernoulliRBM(4, n_iter=1, random_state=5).fit(DIGITS)
    again = BernoulliRBM(4, n_iter=1, random_state=0).fit(DIGITS)
    again.gibbs(DIGITS)
    again.set_params(random_state=5).fit(DIGITS)
    assert np.array_equal(once.gibbs(DIGITS[:9]), again.gibbs(DIGITS[:9]))
    assert np.array_equal(once.sample(9, 5), again.sample(9, 5))


def test_other_kinds_of_arrays():
    rbm = BernoulliRBM(4, n_iter=1, random_state=0).fit(DIGITS)
    assert rbm.gibbs(pandas.DataFrame(DIGITS[:5])).shape == (5, 64)
    assert rbm.gibbs(DIGITS[:5].tolist()).shape == (5, 64)
    twice = sparse.csr_matrix(([0.5, 0.5, 1.0], [0, 0, 1], [0, 2, 3]), shape=(2, 64))
    assert np.allclose(rbm.score_samples(twice), rbm.score_samples(twice.toarray()))
    fixed = DIGITS.copy(order="F")
    fixed.flags.writeable = False
    assert np.array_equal(clone(rbm).fit(fixed).components_, rbm.components_)
    assert (fixed == DIGITS).all()


def test_it_shows_its_filters():
    rbm = BernoulliRBM(9, n_iter=1)
    assert "data:image/png" not in rbm._repr_mimebundle_()["text/html"]
    bundle = rbm.fit(DIGITS)._repr_mimebundle_()
    assert "64 bernoulli visible and 9 bernoulli hidden units" in bundle["text/html"]
    assert "data:image/png;base64," in rbm._repr_html_()
