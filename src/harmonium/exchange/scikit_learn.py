"""A fitted RBM of scikit-learn, as one of ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from harmonium.errors import InputError
from harmonium.rbm import RBM
from harmonium.units import Bernoulli

ATTRIBUTES = ("components_", "intercept_hidden_", "intercept_visible_")


def from_sklearn(estimator: Any) -> RBM:
    """Return the model that a fitted ``BernoulliRBM`` holds, scikit-learn's own or `harmonium.sklearn`'s.

    Both write E(v, h) = -intercept_visible . v - intercept_hidden . h - h^T components v, so that the free energies
    are the same.

    Parameters
    ----------
    estimator : BernoulliRBM
        A fitted estimator.

    Returns
    -------
    RBM
        Of Bernoulli units, with copies of the parameters in their dtype.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        When the estimator has not been fitted.
    InputError
        When it is no ``BernoulliRBM``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neural_network import BernoulliRBM
    >>> X = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
    >>> from_sklearn(BernoulliRBM(n_components=2, random_state=0).fit(X))
    RBM(
      (visible): Bernoulli(3)
      (hidden): Bernoulli(2)
    )
    """
    if not hasattr(estimator, "fit"):
        raise InputError(f"from_sklearn takes a fitted BernoulliRBM, not {type(estimator).__name__}")
    check_is_fitted(estimator)
    missing = [name for name in ATTRIBUTES if not hasattr(estimator, name)]
    if missing:
        raise InputError(
            f"from_sklearn takes a fitted BernoulliRBM, but this {type(estimator).__name__} has no {missing[0]}"
        )
    weights, hidden, visible = (torch.from_numpy(np.array(getattr(estimator, name), order="C")) for name in ATTRIBUTES)
    rbm = RBM(Bernoulli(weights.shape[1]), Bernoulli(weights.shape[0]), weights=weights.T.contiguous())
    rbm.visible.get_parameter("bias").data = visible.to(weights.dtype)
    rbm.hidden.get_parameter("bias").data = hidden.to(weights.dtype)
    return rbm.requires_grad_(False)
