"""The gradient estimators by name, and the interface that they share."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from harmonium.errors import InputError, unknown_name
from harmonium.gradients.closed_form import Statistics
from harmonium.gradients.contrastive_divergence import ContrastiveDivergence
from harmonium.gradients.exact import Exact
from harmonium.gradients.fast_weights import FastWeights
from harmonium.gradients.persistent import PersistentContrastiveDivergence
from harmonium.gradients.tempered import ParallelTempering
from harmonium.gradients.trajectory import TrajectoryTempering
from harmonium.rbm import RBM
from harmonium.sampling import GibbsState


class Estimator(Protocol):
    """Says which states stand for the model term of the gradient.

    What persists from update to update is one object, `state` below, None where nothing does. It is of the estimator's
    own kind, with ``chains``, the `GibbsState` of the model itself, and ``tensors()``, everything by a name. It may
    have a ``report()`` of how well it goes, a ``scale`` of the next step, and a ``milestone()`` to reckon log Z
    from.
    """

    def init(self, rbm: RBM, generator: torch.Generator) -> Any:
        """Return what persists, before the first update."""

    def model_statistics(
        self, rbm: RBM, data: GibbsState, state: Any, generator: torch.Generator
    ) -> tuple[Statistics, Any]:
        """Return the model term for a batch of data states, and what persists now."""

    def restored(self, rbm: RBM, tensors: dict[str, Tensor]) -> Any:
        """Return what persists from its tensors."""


METHODS = ("cd", "exact", "fast-pcd", "pcd", "pt", "ptt")
"""The names of the methods."""


def make_estimator(method: str, steps: int = 1, chains: int = 100, rate: float = 0.01) -> Estimator:
    """Return the estimator of that name.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    steps : int
        Gibbs steps an update, at least 1 (not used by ``exact``).
    chains : int
        The number of persistent chains, at least 1, whatever the batch size (not used by ``cd`` and ``exact``).
    rate : float
        The learning rate of fast weights.

    Raises
    ------
    InputError
        When the name is unknown or a number is not positive.
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    if steps < 1:
        raise InputError(f"steps is {steps}, but every method needs at least 1 Gibbs step an update")
    if chains < 1:
        raise InputError(f"chains is {chains}, but persistent contrastive divergence needs at least 1 chain")
    if method == "exact":
        return Exact()
    if method == "cd":
        return ContrastiveDivergence(steps)
    if method == "fast-pcd":
        return FastWeights(steps, chains, rate)
    kind = {"pcd": PersistentContrastiveDivergence, "pt": ParallelTempering, "ptt": TrajectoryTempering}[method]
    return kind(steps, chains)
