"""RBM: any families, densities, anomalies, and scikit-learn's checks."""

import copy
import pickle

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import check_estimator

from harmonium.likelihood import exact_log_probability
from harmonium.sklearn import RBM
from harmonium.sklearn.arrays import states_by_row
from harmonium.tensorboard import TensorBoard
from harmonium.units import Bernoulli

DIGITS = (load_digits().data > 8).astype(np.float32)
IRIS = load_iris().data


def test_check_estimator():
    check_estimator(RBM(8, n_iter=3))


def test_log_probabilities_are_exact_for_a_small_model():
    rbm = RBM(6, n_iter=20, random_state=0).fit(DIGITS)
    expected = exact_log_probability(rbm.rbm_, torch.from_numpy(DIGITS[:20])).numpy()
    assert np.allclose(rbm.score_samples(DIGITS[:20], normalized=True), expected, atol=1e-4)
    assert np.allclose(np.diff(rbm.score_samples(DIGITS[:20])), np.diff(expected), atol=1e-4)
    assert rbm.history_[-1].epoch == rbm.n_iter_ == 20


def test_the_density_of_gaussian_units_is_that_of_x_itself():
    """The integral over a grid of what two columns are said to have, which standardising would change: 1."""
    X = IRIS[:, 2:] * [1.0, 10.0]
    rbm = RBM(3, n_iter=50, random_state=0).fit(X)
    assert rbm.rbm_.visible.family == "gaussian"
    steps = np.linspace(-8, 16, 241), np.linspace(-80, 100, 241)
    grid = np.stack(np.meshgrid(*steps), -1).reshape(-1, 2)
    density = np.exp(rbm.score_samples(grid, normalized=True))
    assert abs(density.sum() * (steps[0][1] - steps[0][0]) * (steps[1][1] - steps[1][0]) - 1) < 1e-3
    drawn = rbm.sample(2000, random_state=0)
    assert np.allclose(drawn.mean(0), X.mean(0), atol=0.15 * X.std(0).max())


def test_what_is_unlike_the_data_scores_low():
    rbm = RBM(32, n_iter=30, random_state=0).fit(DIGITS[:1000])
    noise = np.random.default_rng(0).permuted(DIGITS[1000:1200], axis=1)
    assert np.mean(rbm.score_samples(DIGITS[1000:1200])[:, None] > rbm.score_samples(noise)) > 0.99


def test_layers_as_objects_are_copied():
    hidden = Bernoulli(5)
    before = copy.deepcopy(hidden.state_dict())
    rbm = RBM(5, visible="bernoulli", hidden=hidden, n_iter=2).fit(DIGITS[:100])
    assert rbm.rbm_.hidden is not hidden
    assert torch.equal(hidden.bias, before["bias"])
    with pytest.raises(ValueError, match="the hidden layer has 5 units, but needs 7"):
        RBM(7, hidden=hidden).fit(DIGITS[:100])


def test_sparse_and_dense_learn_the_same():
    one, other = (RBM(6, n_iter=3, random_state=0).fit(X) for X in (DIGITS, sparse.csr_matrix(DIGITS)))
    assert np.allclose(one.components_, other.components_, atol=1e-5)


def test_searches_by_likelihood_and_pickles():
    search = GridSearchCV(RBM(4, n_iter=10, random_state=0), {"n_components": [1, 12]}, cv=2).fit(DIGITS)
    assert search.best_params_ == {"n_components": 12}
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    assert again.score(DIGITS) == search.best_estimator_.score(DIGITS)
    assert again.inverse_transform(again.transform(DIGITS[:3])).shape == (3, 64)


def test_a_row_has_its_own_probability_whatever_rows_are_beside_it():
    intensities = load_digits().data / 16
    rbm = RBM(5, n_iter=2, random_state=0).fit(intensities)
    all_of_them = rbm.score_samples(intensities, normalized=True)
    assert np.allclose(rbm.score_samples(intensities[70:75], normalized=True), all_of_them[70:75])
    drawn = states_by_row(
        np.full((4000, 3), [0.0, 0.3, 1.0]) + np.arange(4000)[:, None] * 1e-9, np.random.RandomState(0)
    )
    # six standard errors of 4,000 draws of 0.3
    assert np.allclose(drawn.mean(0), [0, 0.3, 1], atol=6 * 0.0073)


def test_small_fractions_for_validation():
    rbm = RBM(3, n_iter=1, validation_fraction=0.001, batch_size=100).fit(DIGITS[:100])
    assert rbm.n_iter_ == 1


def test_tensorboard_does_not_stop_cloning(tmp_path):
    rbm = RBM(3, n_iter=1, callback=TensorBoard(tmp_path / "logs")).fit(DIGITS)
    assert list((tmp_path / "logs").iterdir())
    clone(pickle.loads(pickle.dumps(rbm))).fit(DIGITS)


def test_a_callback_sees_every_record_and_may_end_it(capsys):
    seen = []
    rbm = RBM(3, n_iter=10, callback=lambda record: seen.append(record) or len(seen) == 4, verbose=1).fit(DIGITS)
    assert [record.epoch for record in seen] == [1, 2, 3, 4]
    assert rbm.n_iter_ == 4
    assert capsys.readouterr().out.startswith("[RBM] epoch 1: log-likelihood")


def test_bad_input():
    with pytest.raises(ValueError, match="use gaussian visible units"):
        RBM(visible="bernoulli").fit([[0.0, 3.0], [1.0, 0.0]])
    with pytest.raises(ValueError, match="'recipe' parameter"):
        RBM(recipe="worst").fit(DIGITS)
    rbm = RBM(2, n_iter=1).fit(DIGITS)
    with pytest.raises(ValueError, match="n_samples == 0, must be >= 1"):
        rbm.sample(0)
    with pytest.raises(ValueError, match="log P is of states"):
        rbm.score_samples(DIGITS[:3] / 2, normalized=True)
    with pytest.raises(ValueError, match="but binary"):
        rbm.score_samples(DIGITS[:3] - 20, normalized=True)
    with pytest.raises(ValueError, match="X has 3 features, but the model has 2 hidden units"):
        rbm.inverse_transform(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="contains NaN"):
        rbm.inverse_transform([[np.nan, 0.0]])
    with pytest.raises(ValueError, match="device"):
        RBM(2, n_iter=1, device="abacus").fit(DIGITS)
