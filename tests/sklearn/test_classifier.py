"""DBNClassifier: scikit-learn's checks, names of classes, and what pretraining is worth."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.utils.estimator_checks import check_estimator

from harmonium.sklearn import DBNClassifier

X, y = load_digits(return_X_y=True)
X = X / 16


def test_check_estimator():
    check_estimator(DBNClassifier((20,), pretrain_iter=2, tune_iter=60))


def test_it_classifies_digits_by_name():
    names = np.array([f"digit {k}" for k in range(10)])[y]
    model = DBNClassifier((60, 40), pretrain_iter=60, tune_iter=150, random_state=0).fit(X[:1200], names[:1200])
    assert model.score(X[1200:], names[1200:]) > 0.9
    assert model.dbn_.sizes == [64, 60, 40]
    assert np.allclose(model.predict_proba(X[:5]).sum(1), 1)
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict(X[:50]) == model.predict(sparse.csr_matrix(X[:50]))).all()


@pytest.mark.parametrize("fraction", [0.0, 0.01, 0.95])
def test_odd_fractions_for_validation(fraction):
    model = DBNClassifier((8,), pretrain_iter=1, tune_iter=1, validation_fraction=fraction, random_state=0)
    assert model.fit(X[:300], y[:300]).n_iter_ == 1


def test_examples_are_moved_where_that_is_asked_for():
    found = [
        DBNClassifier((8,), pretrain_iter=1, tune_iter=2, adversarial=share, random_state=0).fit(X[:300], y[:300])
        for share in (None, 0.0, 0.5)
    ]
    likely = [model.predict_proba(X[:5]) for model in found]
    assert np.array_equal(likely[0], likely[1])  # so small a network learns its examples as they are
    assert not np.allclose(likely[0], likely[2])


def test_verbose(capsys):
    DBNClassifier((8,), pretrain_iter=1, tune_iter=2, verbose=1).fit(X[:100], y[:100])
    assert capsys.readouterr().out.splitlines()[0] == "[DBNClassifier] layer 1, epoch 1"


@pytest.mark.parametrize(
    ("given", "labels", "message"),
    [
        ({}, np.zeros(50), "one class only"),
        ({"hidden_layer_sizes": (8, 0)}, y[:50], "must be whole numbers of at least 1"),
        ({"hidden_layer_sizes": ()}, y[:50], "must be whole numbers of at least 1"),
        ({"dropout": 1.0}, y[:50], "'dropout' parameter"),
        ({}, np.linspace(0, 1, 50), "Unknown label type"),
    ],
)
def test_bad_input(given, labels, message):
    with pytest.raises(ValueError, match=message):
        DBNClassifier(**given).fit(X[:50], labels)
