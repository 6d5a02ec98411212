"""Persistent contrastive divergence in numpy, for models so small that this is the fastest way.

Where an update is a few thousand numbers, handing them to torch takes longer than the arithmetic. Random numbers are
drawn from a numpy ``RandomState`` in the order in which scikit-learn draws them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit

LARGEST = 2**14
"""Models of at most so many weights are small."""


class Parameters(NamedTuple):
    """What learning changes, in place.

    Attributes
    ----------
    components : ndarray, shape (m, n)
    intercept_hidden : ndarray, shape (m,)
    intercept_visible : ndarray, shape (n,)
    chains : ndarray, shape (chains, m)
        The hidden states of the persistent chains.
    """

    components: NDArray[Any]
    intercept_hidden: NDArray[Any]
    intercept_visible: NDArray[Any]
    chains: NDArray[Any]


def one_pass(X: Any, parameters: Parameters, learning_rate: float, batch_size: int, rng: RandomState) -> None:
    """Pass over the rows of X once, in batches; their order is drawn where there is more than one batch.

    Parameters
    ----------
    X : array or sparse matrix, shape (cases, n)
    parameters : Parameters
        Changed in place.
    learning_rate : float
        Of a whole batch; a smaller one counts by its share, so that every example weighs the same.
    batch_size : int
    rng : RandomState
    """
    count = X.shape[0]
    rows = np.arange(count) if count <= batch_size else rng.permutation(count)
    for start in range(0, count, batch_size):
        batch = X[rows[start : start + batch_size]]
        batch = batch.toarray() if sparse.issparse(X) else batch
        update(batch, parameters, learning_rate * len(batch) / batch_size, rng)


def update(batch: NDArray[Any], parameters: Parameters, rate: float, rng: RandomState) -> None:
    r"""Take one step of PCD-1 on a batch (cases, n), each term averaged over cases of its own number.

        W += rate (<E[h | v] v^T>_batch - <E[h | v'] v'^T>_chains),    v' ~ P(v | h of the chains)

    and alike for both intercepts. Source: Tieleman 2008.
    """
    weights, hidden, visible, chains = parameters
    fantasy = rng.random_sample((len(chains), len(visible))) < expit(chains @ weights + visible)
    both = np.concatenate([batch, fantasy.astype(batch.dtype)])  # so that each product is one for both terms
    mean = expit(both @ weights.T + hidden)
    np.less(rng.random_sample(chains.shape), mean[len(batch) :], out=chains, casting="unsafe")
    share = np.repeat(np.array([rate / len(batch), -rate / len(chains)], batch.dtype), [len(batch), len(chains)])
    mean *= share[:, None]
    weights += mean.T @ both
    hidden += mean.sum(0)
    visible += share @ both
