"""What a fitted model of binary units says: of rows, and of itself."""

from __future__ import annotations

import hashlib
from typing import Any, cast

import numpy as np
import torch
from numpy.random import RandomState
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted

from harmonium.errors import InputError
from harmonium.exchange import from_sklearn
from harmonium.likelihood import LogPartition, base_of_states, log_partition
from harmonium.rbm import RBM
from harmonium.sklearn.arrays import PIECE, cases_of, checked, columns_by_row, seed_of
from harmonium.sklearn.pictured import Pictured
from harmonium.sklearn.samples import draw

EXAMPLES = 1000
"""So many rows of data are enough for annealing to start from."""


class FittedBinary(Pictured, BaseEstimator):
    """The methods of `BernoulliRBM` that need nothing but its fitted attributes."""

    components_: NDArray[Any]
    intercept_hidden_: NDArray[Any]
    intercept_visible_: NDArray[Any]
    random_state: int | RandomState | None
    n_components: int
    _partition: tuple[bytes, LogPartition] | None = None

    def _field(self, v: Any) -> NDArray[Any]:
        """Return components v + intercept_hidden."""
        product = np.asarray(safe_sparse_dot(v, self.components_.T, dense_output=True))
        return np.asarray(np.add(product, self.intercept_hidden_, out=product if product.flags.writeable else None))

    def _mean_hiddens(self, v: Any) -> NDArray[Any]:
        field = self._field(v)
        return torch.from_numpy(field).sigmoid_().numpy()  # on all cores

    def _sample_hiddens(self, v: Any, rng: RandomState) -> NDArray[np.bool_]:
        mean = self._mean_hiddens(v)
        return np.asarray(rng.random_sample(mean.shape) < mean)

    def _sample_visibles(self, h: Any, rng: RandomState) -> NDArray[np.bool_]:
        mean = expit(h @ self.components_ + self.intercept_visible_)
        return np.asarray(rng.random_sample(mean.shape) < mean)

    def _free_energy(self, v: Any) -> NDArray[Any]:
        """Return F(v) = -intercept_visible . v - sum_j log(1 + exp(components_j v + intercept_hidden_j))."""
        return -safe_sparse_dot(v, self.intercept_visible_) - _sum_of_softplus(self._field(v))

    def gibbs(self, v: Any) -> NDArray[np.bool_]:
        """Take one Gibbs step from every row: h ~ P(h | v), v' ~ P(v | h).

        Parameters
        ----------
        v : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of bool, shape (n_samples, n_features)
        """
        check_is_fitted(self)
        v, rng = checked(self, v, reset=False), self._own_random_state()
        return self._sample_visibles(self._sample_hiddens(v, rng), rng)

    def _own_random_state(self) -> RandomState:
        """Return the generator that goes on from call to call."""
        if not hasattr(self, "random_state_"):
            self.random_state_ = check_random_state(self.random_state)
        return cast(RandomState, self.random_state_)

    def score_samples(self, X: Any) -> NDArray[Any]:
        r"""Estimate the log of the pseudo-likelihood of every row, in nats.

            n log P(v_i | all others) = n log sigmoid(F(v with v_i flipped) - F(v)),    i chosen by a hash of the row

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Zeros and ones.

        Returns
        -------
        ndarray of shape (n_samples,)

        Notes
        -----
        Which unit is flipped depends on `random_state` and on the row, but on no other row. Source: Besag 1975. See
        `log_likelihood` for the likelihood itself.
        """
        check_is_fitted(self)
        X = checked(self, X, reset=False)
        columns = columns_by_row(X, check_random_state(self.random_state))
        step = max(1, PIECE // max(X.shape[1], self.n_components))
        pieces = [
            self._rise_of_free_energy(X[begin : begin + step], columns[begin : begin + step])
            for begin in range(0, X.shape[0], step)
        ]
        return np.asarray(-X.shape[1] * np.logaddexp(0, -np.concatenate(pieces)))

    def _rise_of_free_energy(self, v: Any, columns: NDArray[np.int64]) -> NDArray[Any]:
        """Return F(v with one unit flipped) - F(v), from one product: the flip changes the field by one row."""
        old = np.asarray(v[np.arange(v.shape[0]), columns]).ravel()
        change = 1 - 2 * old
        field = self._field(v)
        flipped = field + change[:, None] * self.components_.T[columns]
        return -change * self.intercept_visible_[columns] - (_sum_of_softplus(flipped) - _sum_of_softplus(field))

    # What scikit-learn's class does not have

    def log_partition(self, X: Any = None) -> LogPartition:
        """Return log Z, in nats: exact where the smaller layer has up to 20 units, otherwise annealed, with bounds.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), optional
            Data like those that it learned from: annealing starts at their means.

        Returns
        -------
        LogPartition
            ``value``, ``standard_error``, ``lower``, ``upper`` and more. It is kept until the model changes.
        """
        check_is_fitted(self)
        made_of = self._digest()
        if self._partition is None or self._partition[0] != made_of or X is not None:
            states = None if X is None else cases_of(self._states(X)).first(EXAMPLES).float()
            base = None if states is None else base_of_states(from_sklearn(self).float(), states)
            generator = torch.Generator().manual_seed(seed_of(check_random_state(self.random_state)))
            found = log_partition(from_sklearn(self).float(), base=base, generator=generator, examples=states)
            self._partition = (made_of, found)
        return self._partition[1]

    def _digest(self) -> bytes:
        """Return some bytes that change when a parameter does."""
        digest = hashlib.blake2b(digest_size=16)
        for parameter in (self.components_, self.intercept_hidden_, self.intercept_visible_):
            digest.update(np.ascontiguousarray(parameter).data)
        return digest.digest()

    def log_likelihood(self, X: Any) -> NDArray[np.float64]:
        """Return log P(v) = -F(v) - log Z of every row, in nats.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Zeros and ones.

        Returns
        -------
        ndarray of shape (n_samples,)
            With the value of `log_partition`, whose bounds say how far off it may be.

        Raises
        ------
        ValueError
            When a value is neither 0 nor 1: only states have a probability.
        """
        check_is_fitted(self)
        X = self._states(X)
        known = self._partition is not None and self._partition[0] == self._digest()
        partition = self.log_partition(None if known else X)
        rbm = from_sklearn(self)
        pieces = [-rbm.free_energy(stored.to(rbm.weights)) for _, stored in cases_of(X).chunks(PIECE)]
        return np.asarray(torch.cat(pieces).double().numpy() - partition.value)

    def _states(self, X: Any) -> Any:
        """Return an array or sparse matrix of zeros and ones."""
        X = checked(self, X, reset=False)
        stored = X.data if sparse.issparse(X) else X
        if not ((stored == 0) | (stored == 1)).all():
            raise InputError("the log-likelihood is of states, zeros and ones: binarise X, as in X > 0.5")
        return X

    def sample(self, n_samples: int = 1, steps: int = 1000, random_state: Any = None) -> NDArray[Any]:
        """Draw samples of the model: the visible states of chains after `steps` Gibbs steps from noise.

        Parameters
        ----------
        n_samples, steps : int
        random_state : int, RandomState instance or None
            By default that of the estimator: if it is a number, the samples are the same at every call.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Zeros and ones, in the dtype of `components_`.

        Raises
        ------
        ValueError
            When there is no sample or step to take.
        """
        check_is_fitted(self)
        own = self.random_state if random_state is None else random_state
        return draw(from_sklearn(self).float(), n_samples, steps, own).numpy().astype(self.components_.dtype)

    def _model_to_show(self) -> RBM | None:
        return from_sklearn(self) if hasattr(self, "components_") else None


def _sum_of_softplus(field: NDArray[Any]) -> NDArray[Any]:
    """Return sum_j log(1 + exp(field_j)) of every row, on all cores."""
    return torch.nn.functional.softplus(torch.from_numpy(np.atleast_2d(field)), threshold=40).sum(1).numpy()
