"""A deep belief network that classifies."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.random import RandomState
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from harmonium.data import Cases, Dataset
from harmonium.deep import DBN, fitting, greedy_layers, to_torch
from harmonium.deep.classifier import probabilities, randomize
from harmonium.deep.fine_tuning import Tuning, fine_tune
from harmonium.errors import InputError
from harmonium.seeds import WEIGHTS, generator_for
from harmonium.sklearn.arrays import FLOATS, checked, family_of, seed_of
from harmonium.training import RECIPES, Settings, materials, recipe, train
from harmonium.training.beginning import decided

FEWEST = 10
"""Of fewer examples a class none are set aside."""

PRETRAIN_UPDATES = 4000
"""About so many updates of each RBM are planned where nobody says how many."""

UPDATES, FEWEST_EPOCHS = 6000, 40
"""About so many updates, and at least so many passes, are planned for fine-tuning where nobody says how many."""


class DBNClassifier(ClassifierMixin, BaseEstimator):
    """A stack of RBMs, learned greedily from X alone, then unrolled to a network and fine-tuned with the labels.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(500, 500)
        Hidden units of each layer, from the bottom up.
    recipe : str, default="best"
        How each RBM learns, see `harmonium.training.RECIPES`; by persistent chains where the recipe leaves that open.
    pretrain_iter : int, default=None
        Passes over the data for each RBM; None for as many as make about 4,000 updates (fewer than a thousand teach a
        layer next to nothing), 0 for a network of random weights.
    tune_iter : int, default=None
        Passes over the data in fine-tuning; None for as many as make about 6,000 updates, but at least 40.
    learning_rate : float, default=0.1
        Of fine-tuning, where it starts.
    batch_size : int, default=100
        Of fine-tuning.
    dropout : float, default=0.0
        Share of the hidden units left out in fine-tuning.
    adversarial : float, default=None
        How far examples are moved against their class in fine-tuning, as a share of the spread of the data; None for
        0.25 where every layer has 200 units or more and 0 in smaller stacks.
    validation_fraction : float, default=0.1
        The share of the examples set aside, as many of each class, that choose the best network. 0, or fewer than ten
        examples of a class, for none: the training examples choose then.
    verbose : int, default=0
        Above 0, a line after every pass.
    random_state : int, RandomState instance or None, default=None

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    network_ : torch.nn.Sequential
        From prepared inputs to the logits of the classes.
    dbn_ : harmonium.deep.DBN or None
        The stack before fine-tuning.
    preparation_ : harmonium.data.Preparation
        What is done to X first: columns are standardised unless all values lie in [0, 1].
    n_iter_ : int
        Passes of fine-tuning.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)

    Notes
    -----
    Sources: Hinton, Osindero & Teh 2006; Hinton & Salakhutdinov 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from harmonium.sklearn import DBNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = DBNClassifier((64,), pretrain_iter=60, tune_iter=60, random_state=0).fit(X[:1200] / 16, y[:1200])
    >>> model.score(X[1200:] / 16, y[1200:]) > 0.85
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "recipe": [StrOptions(set(RECIPES))],
        "pretrain_iter": [Interval(Integral, 0, None, closed="left"), None],
        "tune_iter": [Interval(Integral, 1, None, closed="left"), None],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "adversarial": [Interval(Real, 0, None, closed="left"), None],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (500, 500),
        *,
        recipe: str = "best",
        pretrain_iter: int | None = None,
        tune_iter: int | None = None,
        learning_rate: float = 0.1,
        batch_size: int = 100,
        dropout: float = 0.0,
        adversarial: float | None = None,
        validation_fraction: float = 0.1,
        verbose: int = 0,
        random_state: int | RandomState | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.recipe = recipe
        self.pretrain_iter = pretrain_iter
        self.tune_iter = tune_iter
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.dropout = dropout
        self.adversarial = adversarial
        self.validation_fraction = validation_fraction
        self.verbose = verbose
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> Self:
        """Learn a stack from X, then the classes y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            A class for each example, of any kind that can be sorted.

        Returns
        -------
        self
        """
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=FLOATS)
        check_classification_targets(y)
        self.classes_, encoded = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError("y has one class only, but a classifier needs at least 2 classes")
        seed = seed_of(check_random_state(self.random_state))
        stored, labels = torch.from_numpy(_dense(X)), torch.from_numpy(encoded)
        self.dbn_ = self._pretrained(stored, seed)
        inputs = self.preparation_.scale(stored)
        chosen, held_out = self._split(encoded, seed)
        train_pair = inputs[chosen], labels[chosen]
        epochs = self.tune_iter or max(FEWEST_EPOCHS, round(UPDATES * self.batch_size / len(chosen)))
        tuning = Tuning(
            epochs=epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            dropout=self.dropout,
            adversarial=self.adversarial,
            patience=epochs,
            seed=seed,
        ).decided(self.dbn_.sizes[1:], len(chosen))
        self.network_ = to_torch(self.dbn_, len(self.classes_), tuning.dropout, tuning.input_dropout or 0.0)
        if self.pretrain_iter == 0:
            randomize(self.network_, generator_for(seed, WEIGHTS))
        for record in fine_tune(self.network_, train_pair, (inputs[held_out], labels[held_out]), tuning):
            self.n_iter_ = record.epoch
            if self.verbose:
                print(f"[{type(self).__name__}] epoch {record.epoch}: loss {record.loss:.4f} nats")
        self.network_.requires_grad_(False)
        return self

    def _pretrained(self, stored: Tensor, seed: int) -> DBN:
        """Return the stack, learned layer by layer."""
        layers = []
        settings = self._settings(stored, seed)
        data = materials(Dataset("X", Cases(stored)), settings[0], 0)
        self.preparation_ = data.preparation
        for number, state, seen in greedy_layers(settings, data):
            for record in train(state, seen) if self.pretrain_iter != 0 else ():
                if self.verbose:
                    print(f"[{type(self).__name__}] layer {number}, epoch {record.epoch}")
            layers.append(copy.deepcopy(state.model).cpu().requires_grad_(False))
        return DBN(layers)

    def _settings(self, stored: Tensor, seed: int) -> list[Settings]:
        """Return the settings of each layer."""
        given = self.hidden_layer_sizes
        sizes: list[Any] = list(given) if isinstance(given, Sequence | np.ndarray) else [given]
        if not sizes or any(isinstance(size, bool) or not isinstance(size, Integral) or size < 1 for size in sizes):
            raise InputError(
                f"hidden_layer_sizes is {self.hidden_layer_sizes!r}, but must be whole numbers of at least 1"
            )
        visible, settings = family_of(stored.numpy()), []
        method = RECIPES[self.recipe][1]["method"] or "pcd"
        for size in sizes:
            own = {"hidden": int(size), "visible": visible, "method": method, "seed": seed, "epochs": None}
            chosen = decided(recipe(self.recipe, likelihood_share=0.0, patience=None, **own), *stored.shape)
            assert chosen.batch_size is not None
            epochs = self.pretrain_iter or math.ceil(PRETRAIN_UPDATES * chosen.batch_size / len(stored))
            settings.append(replace(chosen, epochs=epochs))
            visible = "bernoulli"
        return fitting(settings)

    def _split(self, encoded: NDArray[np.int64], seed: int) -> tuple[Tensor, Tensor]:
        """Return the positions of the training and of the validation examples."""
        everything, classes = torch.arange(len(encoded)), len(self.classes_)
        count = max(classes, round(self.validation_fraction * len(encoded)))  # at least one of each class
        few = np.bincount(encoded).min() < FEWEST or len(encoded) - count < classes
        if not self.validation_fraction or few:
            return everything, everything
        chosen, held_out = train_test_split(everything.numpy(), test_size=count, stratify=encoded, random_state=seed)
        return torch.from_numpy(np.sort(chosen)), torch.from_numpy(np.sort(held_out))

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of every class: (n_samples, n_features) -> (n_samples, n_classes)."""
        check_is_fitted(self)
        X = checked(self, X, reset=False)
        inputs = self.preparation_.scale(torch.from_numpy(_dense(X)))
        return probabilities(self.network_, inputs).double().numpy()

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of every row: (n_samples, n_features) -> (n_samples,)."""
        best = self.predict_proba(X).argmax(1)
        return np.asarray(self.classes_[best])

    def __sklearn_tags__(self) -> Any:
        """Say that sparse matrices are taken; they are made dense."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _dense(X: Any) -> NDArray[Any]:
    """Return a dense array of its own."""
    return np.array(X.toarray() if sparse.issparse(X) else X)
