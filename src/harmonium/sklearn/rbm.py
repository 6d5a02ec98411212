"""An RBM of any unit families as a transformer and density estimator."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.random import RandomState
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    DensityMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

import harmonium.rbm as model
from harmonium.data import Dataset
from harmonium.errors import InputError
from harmonium.gradients import METHODS
from harmonium.likelihood import LogPartition, base_of_states, log_partition
from harmonium.likelihood.brief import brief_log_partition
from harmonium.likelihood.evaluate import choose_method
from harmonium.progress import TrainingProgress, describe, training_progress
from harmonium.seeds import WEIGHTS, generator_for
from harmonium.sklearn.arrays import FLOATS, PIECE, cases_of, checked, family_of, seed_of, states_by_row
from harmonium.sklearn.pictured import Pictured
from harmonium.sklearn.samples import draw
from harmonium.training import RECIPES, Materials, Record, Settings, TrainingState, materials, recipe, start, train
from harmonium.units import FAMILIES, Units, make_units

TEMPERATURES = 500
"""Of a brief estimate of log Z."""

FEWEST = 20
"""From fewer examples none are set aside."""


class RBM(Pictured, ClassNamePrefixFeaturesOutMixin, TransformerMixin, DensityMixin, BaseEstimator):
    r"""A restricted Boltzmann machine of any two unit families.

        P(v) = exp(-F(v)) / Z,    F(v) = E_v(v) - Gamma_h(W^T v)

    Parameters
    ----------
    n_components : int, default=256
        The number of hidden units.
    visible : {"auto", "bernoulli", "gaussian"} or Units, default="auto"
        The family of the visible units, or a layer of them, whose parameters are then where learning starts. ``auto``:
        binary where all values lie in [0, 1], Gaussian otherwise.
    hidden : {"bernoulli", "gaussian"} or Units, default="bernoulli"
        The family of the hidden units, or a layer of `n_components` of them, alike.
    recipe : str, default="best"
        Where all other settings of learning come from, see `harmonium.training.RECIPES`.
    method : str, default=None
        How the model term of the gradient is estimated; None for the recipe's, as for the next four.
    steps, batch_size, n_iter : int, default=None
        Gibbs steps an update, examples an update, and passes over the data: of the recipe ``best`` as many as make
        about 16,000 updates, many for a small set.
    learning_rate : float, default=None
    validation_fraction : float, default=0.1
        The share of the examples set aside, whose likelihood says which model is kept. 0 for none; from fewer than
        20 examples none are.
    verbose : int, default=0
        Above 0, a line after every measurement, and a live progress bar on a terminal or in a notebook.
    random_state : int, RandomState instance or None, default=None
    device : str, default="cpu"
    callback : callable, default=None
        Called with every `harmonium.training.Record`; learning ends when it returns True.

    Attributes
    ----------
    rbm_ : harmonium.RBM
        The model.
    preparation_ : harmonium.data.Preparation
        What is done to X before the model sees it; Gaussian units see every column standardised.
    history_ : list of Record
        What was measured while it learned.
    n_iter_ : int
        Passes over the data.
    components_ : ndarray of shape (n_components, n_features)
        The weights.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Defined only when X has feature names that are all strings.

    Examples
    --------
    >>> import numpy as np
    >>> from harmonium.sklearn import RBM
    >>> X = np.repeat(np.eye(4), 100, axis=0)
    >>> rbm = RBM(n_components=4, n_iter=200, random_state=0).fit(X)
    >>> bool(rbm.score(X) > -np.log(5))                    # nats; the best there can be is -log 4
    True
    >>> bool(rbm.score_samples([[1, 0, 0, 0]]) > rbm.score_samples([[1, 1, 1, 1]]))
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "visible": [StrOptions({"auto", *FAMILIES}), Units],
        "hidden": [StrOptions(set(FAMILIES)), Units],
        "recipe": [StrOptions(set(RECIPES))],
        "method": [StrOptions(set(METHODS)), None],
        "steps": [Interval(Integral, 1, None, closed="left"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "n_iter": [Interval(Integral, 1, None, closed="left"), None],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        "device": [str],
        "callback": [callable, None],
    }

    def __init__(
        self,
        n_components: int = 256,
        *,
        visible: str | Units = "auto",
        hidden: str | Units = "bernoulli",
        recipe: str = "best",
        method: str | None = None,
        steps: int | None = None,
        batch_size: int | None = None,
        n_iter: int | None = None,
        learning_rate: float | None = None,
        validation_fraction: float = 0.1,
        verbose: int = 0,
        random_state: int | RandomState | None = None,
        device: str = "cpu",
        callback: Callable[[Record], bool | None] | None = None,
    ) -> None:
        self.n_components = n_components
        self.visible = visible
        self.hidden = hidden
        self.recipe = recipe
        self.method = method
        self.steps = steps
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.verbose = verbose
        self.random_state = random_state
        self.device = device
        self.callback = callback

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Of binary units, zeros and ones, or probabilities of a one, which is then drawn anew in every pass. A sparse
            matrix is never made dense as a whole.
        y : ignored

        Returns
        -------
        self
        """
        X = checked(self, X)
        state, data = self._start(X)
        self.history_: list[Record] = []
        with training_progress(state) if self.verbose else nullcontext() as shown:
            self._train(state, data, shown)
        self.rbm_ = copy.deepcopy(state.model).cpu().requires_grad_(False)
        self.preparation_, self.n_iter_ = data.preparation, state.epochs_done
        self.components_ = self.rbm_.weights.T.numpy()
        self._n_features_out = len(self.components_)
        self._partition: LogPartition | None = None
        self._brief: float | None = None
        self._examples = data.monitored_train.cpu()
        return self

    def _train(self, state: TrainingState, data: Materials, shown: TrainingProgress | None) -> None:
        """Train to the planned end, or until the callback says so."""
        for record in train(state, data, after_update=None if shown is None else shown.update):
            self.history_.append(record)
            if shown is not None:
                shown.record(record)
                print(f"[{type(self).__name__}] epoch {record.epoch}: {describe(record)}")
            if self.callback is not None and self.callback(record):
                break

    def _start(self, X: Any) -> tuple[TrainingState, Materials]:
        """Return the state before the first update, and what it learns from."""
        rng = check_random_state(self.random_state)
        visible = self.visible.family if isinstance(self.visible, Units) else self.visible
        visible = family_of(X) if visible == "auto" else visible
        given = {name: getattr(self, name) for name in ("method", "steps", "batch_size", "learning_rate")}
        given = {name: value for name, value in given.items() if value is not None}
        if self.n_iter is not None:
            given["epochs"] = self.n_iter
        hidden = self.hidden if isinstance(self.hidden, str) else self.hidden.family
        fraction = self.validation_fraction if X.shape[0] >= FEWEST else 0.0
        rows = X.shape[0] - (max(1, round(fraction * X.shape[0])) if fraction else 0)
        if "batch_size" in given:
            given["batch_size"] = min(given["batch_size"], rows)
        settings = recipe(
            self.recipe,
            hidden=self.n_components,
            visible=visible,
            hidden_units=hidden,
            seed=seed_of(rng),
            device=self.device,
            **given,
        )
        data = materials(Dataset("X", cases_of(X)), settings, fraction)
        return start(settings, data, self._model(settings, data)), data

    def _model(self, settings: Settings, data: Materials) -> model.RBM | None:
        """Return the model to start from where layers were given, and None otherwise."""
        if isinstance(self.visible, str) and isinstance(self.hidden, str):
            return None
        visible = _layer(self.visible, settings.visible, data.width, "visible")
        hidden = _layer(self.hidden, settings.hidden_units, self.n_components, "hidden")
        return model.RBM(visible, hidden, generator=generator_for(settings.seed, WEIGHTS))

    # What a fitted model says

    def _inputs(self, X: Any) -> Iterator[Tensor]:
        """Yield rows as the model sees them, some thousands at a time, intensities not binarised."""
        check_is_fitted(self)
        X = checked(self, X, reset=False)
        for _, stored in cases_of(X).chunks(PIECE):
            yield self.preparation_.scale(stored)

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Return E[h | v] of every row: (n_samples, n_features) -> (n_samples, n_components)."""
        return torch.cat([self.rbm_.mean_hidden_given_visible(piece) for piece in self._inputs(X)]).numpy()

    def inverse_transform(self, X: Any) -> NDArray[np.float32]:
        """Return E[v | h] for rows of hidden states or means, in the units of the data."""
        check_is_fitted(self)
        X = check_array(X, accept_sparse="csr", dtype=FLOATS)
        if X.shape[1] != len(self.components_):
            raise InputError(f"X has {X.shape[1]} features, but the model has {len(self.components_)} hidden units")
        hidden = torch.from_numpy(X.toarray() if sparse.issparse(X) else np.array(X)).float()
        return self.preparation_.restore(self.rbm_.mean_visible_given_hidden(hidden)).float().numpy()

    def score_samples(self, X: Any, *, normalized: bool = False) -> NDArray[np.float64]:
        """Return -F(v) of every row, or log P(v), in nats: the higher, the more like the data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        normalized : bool
            Whether log Z is subtracted: the value of `log_partition` if that was asked for before, and otherwise that
            of a briefer estimate, whose error is some tenths of a nat. Probabilities are of states: where the model
            learned from numbers between 0 and 1, a state is drawn of such a row, the same for the same row. Densities
            of Gaussian units are those of X, not of standardised values.

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        ValueError
            When log P is asked for what is no state of binary units.
        """
        pieces = (self._states(piece) if normalized else piece for piece in self._inputs(X))
        scores = torch.cat([-self.rbm_.free_energy(piece).double() for piece in pieces])
        if normalized:
            scores = scores - self._log_z() - self._log_scale()
        return scores.numpy()

    def _states(self, inputs: Tensor) -> Tensor:
        """Return states of the visible units for prepared rows."""
        if self.rbm_.visible.family != "bernoulli":
            return inputs
        try:
            self.rbm_.visible.check(inputs)
        except InputError as error:
            raise InputError(f"{error} (as MinMaxScaler(clip=True) does for new data)") from error
        if self.preparation_.binarize == "sample":
            return torch.from_numpy(states_by_row(inputs.numpy(), RandomState(0)))
        if not ((inputs == 0) | (inputs == 1)).all():
            raise InputError(
                "log P is of states, zeros and ones, as those that were learned: binarise X, as in X > 0.5"
            )
        return inputs

    def _log_scale(self) -> float:
        """Return the log of the volume that standardising shrinks to 1."""
        deviation = self.preparation_.deviation
        return 0.0 if deviation is None else float(deviation.log().sum())

    def _log_z(self) -> float:
        """Return log Z: exact, or as it was estimated before, or else estimated briefly."""
        if self._partition is not None or choose_method(self.rbm_) == "exact":
            return self.log_partition().value
        if self._brief is None:
            generator = torch.Generator().manual_seed(0)
            self._brief, _ = brief_log_partition(self.rbm_, self._examples, generator, TEMPERATURES)
        return self._brief

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of log P(v), in nats, see `score_samples`."""
        return float(self.score_samples(X, normalized=True).mean())

    def log_partition(self) -> LogPartition:
        """Return log Z, in nats: exact where the smaller layer has up to 20 units, otherwise annealed, with bounds."""
        check_is_fitted(self)
        if self._partition is None:
            base, generator = base_of_states(self.rbm_, self._examples), torch.Generator().manual_seed(0)
            self._partition = log_partition(self.rbm_, base=base, generator=generator, examples=self._examples)
        return self._partition

    def sample(self, n_samples: int = 1, steps: int = 1000, random_state: Any = None) -> NDArray[np.float32]:
        """Draw samples of the model: chains after `steps` Gibbs steps from noise, in the units of the data.

        Parameters
        ----------
        n_samples, steps : int
        random_state : int, RandomState instance or None
            By default that of the estimator: if it is a number, the samples are the same at every call.

        Returns
        -------
        ndarray of shape (n_samples, n_features)

        Raises
        ------
        ValueError
            When there is no sample or step to take.
        """
        check_is_fitted(self)
        drawn = draw(self.rbm_, n_samples, steps, self.random_state if random_state is None else random_state)
        return self.preparation_.restore(drawn).float().numpy()

    def _model_to_show(self) -> model.RBM | None:
        return getattr(self, "rbm_", None)

    def __sklearn_tags__(self) -> Any:
        """Say that sparse matrices are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _layer(given: str | Units, family: str, size: int, which: str) -> Units:
    """Return a layer of its own, of the family or like the one that was given."""
    if isinstance(given, str):
        return make_units(family, size).requires_grad_(False)
    if given.size != size:
        raise InputError(
            f"the {which} layer has {given.size} units, but needs {size}: give one of that size, or a name"
        )
    return copy.deepcopy(given).requires_grad_(False)
