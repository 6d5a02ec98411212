"""Between numpy or scipy arrays and what training takes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from numpy.random import RandomState
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from harmonium.data import Cases, Preparation, Survey
from harmonium.data.sparse import sparse_cases
from harmonium.training import Materials

FLOATS = (np.float64, np.float32)
"""The dtypes that are kept; others become the first."""

PIECE = 2**22
"""About so many numbers of a table are looked at together."""


def checked(estimator: BaseEstimator, X: Any, **given: Any) -> Any:
    """Return X as floats, or compressed sparse rows without repeated entries, or raise what scikit-learn raises."""
    X = validate_data(estimator, X, accept_sparse="csr", dtype=FLOATS, **given)
    if sparse.issparse(X) and not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def family_of(X: Any) -> str:
    """Return ``bernoulli`` where all values, as float32 sees them, lie in [0, 1], and ``gaussian`` otherwise."""
    stored = X.data if sparse.issparse(X) else X
    bounded = stored.size == 0 or (np.float32(stored.min()) >= 0 and np.float32(stored.max()) <= 1)
    return "bernoulli" if bounded else "gaussian"


def cases_of(X: Any) -> Cases:
    """Return the rows of an array (N, n), or of a sparse matrix, as examples; nothing is copied or written."""
    if sparse.issparse(X):
        return sparse_cases(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that it may not be written, as joblib's memory maps may not
        return Cases(torch.from_numpy(X if min(X.strides, default=0) >= 0 else X.copy()))


def unchecked_materials(X: Any) -> Materials:
    """Return what training needs of any table of numbers, whatever they stand for; nobody asks for its moments."""
    cases, nothing = cases_of(X), torch.zeros(X.shape[1], dtype=torch.float64)
    few = cases.first(10).float()
    found = Survey(len(cases), nothing, nothing, nothing, False)
    return Materials(cases, None, Preparation(), found, None, few, None)


def column_means(X: Any) -> NDArray[np.float64]:
    """Return the mean of every column, (N, n) -> (n,)."""
    if sparse.issparse(X):
        return np.asarray(X.mean(axis=0, dtype=np.float64)).ravel()
    table = cases_of(X).values  # torch's threads, since numpy's would go on spinning beside them while it learns
    return ((table.new_ones(1, len(table)) @ table)[0].double() / len(table)).numpy()


def seed_of(rng: RandomState) -> int:
    """Draw a seed for generators of torch."""
    return int(rng.randint(2**31 - 1))


def columns_by_row(X: Any, rng: RandomState) -> NDArray[np.int64]:
    """Choose a column for every row of X, (N, n) -> (N,): as if at random, but alike for rows that are alike.

    So what is computed from it for a row does not depend on the rows beside it.
    """
    high, width = hashes_of_rows(X, rng) >> np.uint64(32), np.uint64(X.shape[1])
    return ((high * width) >> np.uint64(32)).astype(np.int64)


def states_by_row(values: NDArray[Any], rng: RandomState) -> NDArray[np.float32]:
    """Return zeros and ones whose probabilities of a one are `values` (N, n): drawn alike for rows that are alike."""
    counters = np.arange(1, values.shape[1] + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    bits = _mix(hashes_of_rows(values, rng)[:, None] + counters)  # SplitMix64, from the hash of the row
    return ((bits >> np.uint64(11)) * 2.0**-53 < values).astype(np.float32)


def hashes_of_rows(X: Any, rng: RandomState) -> NDArray[np.uint64]:
    """Return 64 bits for every row, (N, n) -> (N,), that depend on its values and on what is drawn.

    The bits of the values are mixed (the finaliser of SplitMix64, Steele, Lea & Flood 2014) and hashed with random odd
    multipliers; zeros add nothing, whether they are stored or not.
    """
    width = X.shape[1]
    multipliers = rng.randint(0, 2**62, size=width, dtype=np.int64).astype(np.uint64) * np.uint64(2) + np.uint64(1)
    step = max(1, PIECE // width)
    return np.concatenate([_hashes(X[start : start + step], multipliers) for start in range(0, X.shape[0], step)])


def _hashes(X: Any, multipliers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return sum_j mix(x_j) multiplier_j modulo 2^64 for every row."""
    if sparse.issparse(X):
        terms = _mixed(X.data) * multipliers[X.indices]
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)])
        return np.asarray(sums[X.indptr[1:]] - sums[X.indptr[:-1]])
    return np.asarray((_mixed(X) * multipliers).sum(1, dtype=np.uint64))


def _mixed(values: NDArray[Any]) -> NDArray[np.uint64]:
    """Return the bits of float64 values, mixed; those of 0 stay 0."""
    return _mix((np.ascontiguousarray(values, np.float64) + 0.0).view(np.uint64))  # + 0.0 makes -0.0 a zero


def _mix(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return bits of which each depends on all that were given; 0 stays 0."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(bits ^ (bits >> np.uint64(31)))
