"""scikit-learn's fitted class, read: free energies and conditionals are the same."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import BernoulliRBM

from harmonium.errors import InputError
from harmonium.exchange import from_sklearn

X = np.random.default_rng(0).integers(0, 2, (40, 6)).astype(float)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_model(dtype):
    theirs = BernoulliRBM(4, n_iter=20, random_state=0).fit(X.astype(dtype))
    rbm, states = from_sklearn(theirs), torch.from_numpy(X.astype(dtype))
    assert np.allclose(rbm.free_energy(states).numpy(), theirs._free_energy(X.astype(dtype)), rtol=1e-5)
    assert np.allclose(rbm.mean_hidden_given_visible(states).numpy(), theirs.transform(X.astype(dtype)), rtol=1e-5)
    rbm.weights.zero_()
    assert theirs.components_.any()  # a copy


def test_what_cannot_be_read():
    with pytest.raises(NotFittedError):
        from_sklearn(BernoulliRBM())
    with pytest.raises(InputError, match="this PCA has no intercept_hidden_"):
        from_sklearn(PCA(2).fit(X))
    with pytest.raises(InputError, match="takes a fitted BernoulliRBM, not str"):
        from_sklearn("model.pkl")
