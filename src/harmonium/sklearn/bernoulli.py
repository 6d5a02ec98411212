"""scikit-learn's BernoulliRBM, faster, with a likelihood, and otherwise as people know it."""

from __future__ import annotations

import time
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from numpy.random import RandomState
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from harmonium.data import Preparation
from harmonium.data.batches import Batches
from harmonium.errors import InputError
from harmonium.exchange import from_sklearn
from harmonium.gradients import METHODS
from harmonium.sampling import GibbsState, gibbs
from harmonium.sklearn import small
from harmonium.sklearn.arrays import cases_of, checked, column_means, seed_of, unchecked_materials
from harmonium.sklearn.fitted import FittedBinary
from harmonium.training import Settings, TrainingState, start
from harmonium.training.loop import LARGEST, update
from harmonium.units import Bernoulli


class BernoulliRBM(ClassNamePrefixFeaturesOutMixin, TransformerMixin, FittedBinary):
    r"""A restricted Boltzmann machine of binary units, in place of ``sklearn.neural_network.BernoulliRBM``.

        P(v, h) = exp(intercept_visible . v + intercept_hidden . h + h^T components v) / Z

    Parameters, attributes and methods are those of scikit-learn's class, and there are some more. What differs: batches
    are shuffled; the visible intercepts start at the log-odds of the data; there may be any number of chains; a batch
    that is smaller than the others counts by its share; `partial_fit` takes any number of examples, passes over them
    once in batches, and returns the estimator; `score_samples` gives a row the same value whatever rows are beside it.

    Parameters
    ----------
    n_components : int, default=256
        The number of hidden units.
    learning_rate : float, default=0.1
        It is constant.
    batch_size : int, default=10
        Examples an update. Passes with larger batches are faster.
    n_iter : int, default=10
        Passes over the data in `fit`.
    verbose : int, default=0
        Above 0, a line after every pass.
    random_state : int, RandomState instance or None, default=None
        Decides all randomness.
    method : {"pcd", "cd", "fast-pcd", "pt", "ptt", "exact"}, default="pcd"
        How the model term of the gradient is estimated, see `harmonium.gradients`.
    steps : int, default=1
        Gibbs steps an update.
    chains : int, default=None
        Persistent chains; None for as many as a batch has examples.
    device : str, default="cpu"
        Where it learns: ``cpu``, ``cuda``, or ``auto``.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        The weights.
    intercept_hidden_ : ndarray of shape (n_components,)
    intercept_visible_ : ndarray of shape (n_features,)
    h_samples_ : ndarray of shape (chains, n_components)
        The hidden states of the persistent chains.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Defined only when X has feature names that are all strings.

    Notes
    -----
    Models of up to 2^14 weights learn in numpy, with the random numbers that scikit-learn would draw; larger ones by
    harmonium's own loop, in float32. Attributes have the dtype of X. Source of the default method: Tieleman 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from harmonium.sklearn import BernoulliRBM
    >>> X = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
    >>> rbm = BernoulliRBM(n_components=2, n_iter=200, random_state=0).fit(X)
    >>> rbm.transform(X).shape
    (4, 2)
    >>> bool(rbm.log_likelihood(X).mean() > -3 * np.log(2))      # better than three fair coins
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_iter": [Interval(Integral, 0, None, closed="left")],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        "method": [StrOptions(set(METHODS))],
        "steps": [Interval(Integral, 1, None, closed="left")],
        "chains": [Interval(Integral, 1, None, closed="left"), None],
        "device": [str],
    }

    _learner: tuple[tuple[Any, ...], tuple[NDArray[Any], ...], TrainingState] | None = None

    def __init__(
        self,
        n_components: int = 256,
        *,
        learning_rate: float = 0.1,
        batch_size: int = 10,
        n_iter: int = 10,
        verbose: int = 0,
        random_state: int | RandomState | None = None,
        method: str = "pcd",
        steps: int = 1,
        chains: int | None = None,
        device: str = "cpu",
    ) -> None:
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.verbose = verbose
        self.random_state = random_state
        self.method = method
        self.steps = steps
        self.chains = chains
        self.device = device

    # Learning

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from scratch, in `n_iter` passes over X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Zeros and ones, or numbers between them. A sparse matrix is never made dense as a whole.
        y : ignored

        Returns
        -------
        self
        """
        X = checked(self, X)
        if hasattr(self, "random_state_"):
            del self.random_state_  # of what was fitted before
        rng = check_random_state(self.random_state)
        self._begin(X, rng)
        clock = time.time()
        for iteration in range(1, self.n_iter + 1):
            self._one_pass(X, min(self.batch_size, X.shape[0]), rng)
            if self.verbose:
                name, score, now = type(self).__name__, self.score_samples(X).mean(), time.time()
                print(f"[{name}] Iteration {iteration}, pseudo-likelihood = {score:.2f}, time = {now - clock:.2f}s")
                clock = now
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Pass over X once, in batches, from where learning stands.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        self
        """
        first = not hasattr(self, "components_")
        X = checked(self, X, reset=first)
        rng = self._own_random_state()
        if first:
            self._begin(X, rng)
        self._one_pass(X, self.batch_size, rng)
        return self

    def _begin(self, X: Any, rng: RandomState) -> None:
        """Set all parameters to where learning starts."""
        self.components_ = rng.normal(0, 0.01, (self.n_components, X.shape[1])).astype(X.dtype)
        self._n_features_out = self.n_components
        self.intercept_hidden_ = np.zeros(self.n_components, X.dtype)
        layer, mean = Bernoulli(X.shape[1]).requires_grad_(False), torch.from_numpy(column_means(X).clip(0, 1))
        layer.match_moments(mean, mean * (1 - mean), X.shape[0])
        self.intercept_visible_ = layer.bias.numpy().astype(X.dtype)
        self.h_samples_ = np.zeros((self.chains or self.batch_size, self.n_components), X.dtype)
        self._learner = None

    def _one_pass(self, X: Any, batch_size: int, rng: RandomState) -> None:
        """Pass over X once, in numpy or in the library's own loop."""
        if self.chains not in (None, len(self.h_samples_)):
            self.h_samples_ = np.resize(self.h_samples_, (self.chains, self.n_components))
        plain = self.method == "pcd" and self.steps == 1 and self.device in ("cpu", "auto")
        if plain and self.components_.size <= small.LARGEST:
            self._learner = None
            parameters = small.Parameters(*self._parameters())
            X = X.astype(self.components_.dtype, copy=False)
            with np.errstate(over="ignore", invalid="ignore"):  # divergence has a message of its own
                small.one_pass(X, parameters, self.learning_rate, batch_size, rng)
        else:
            state = self._state(X, batch_size, rng)
            device = state.rbm.weights.device
            batches = Batches(cases_of(X), Preparation(), min(batch_size, X.shape[0]), state.settings.seed, device)
            for batch in batches.epoch(state.update, state.generator):
                update(state, batch)
            self._take_over(state, self._made_of(batch_size))
        if not all((np.abs(parameter) < LARGEST).all() for parameter in self._parameters()[:3]):
            raise InputError(f"training diverged: lower learning_rate (it is {self.learning_rate:g})")

    def _parameters(self) -> tuple[NDArray[Any], ...]:
        """Return what learning changes."""
        return self.components_, self.intercept_hidden_, self.intercept_visible_, self.h_samples_

    def _made_of(self, batch_size: int) -> tuple[Any, ...]:
        """Return what the library's own loop depends on."""
        return self.method, self.steps, self.learning_rate, self.device, batch_size

    def _state(self, X: Any, batch_size: int, rng: RandomState) -> TrainingState:
        """Return where the library's own loop stands: as it was left, or made anew of the attributes."""
        if self._learner is not None:
            made_of, parameters, left = self._learner
            same = all(one is other for one, other in zip(parameters, self._parameters(), strict=True))
            if same and made_of == self._made_of(batch_size):
                return left
        settings = Settings(
            hidden=self.n_components,
            method=self.method,
            steps=self.steps,
            chains=len(self.h_samples_),
            epochs=max(1, self.n_iter),
            batch_size=min(batch_size, X.shape[0]),
            learning_rate=self.learning_rate,
            momentum=0.0,
            weight_decay=0.0,
            likelihood_share=0.0,
            binarize="none",
            seed=seed_of(rng),
            device=self.device,
        )
        state = start(settings, unchecked_materials(X), from_sklearn(self).float().requires_grad_())
        state.settings = replace(state.settings, batch_size=batch_size)  # of which a smaller batch is a share
        if isinstance(state.persistent, GibbsState):
            hidden = torch.from_numpy(self.h_samples_).to(state.rbm.weights)
            visible = state.rbm.sample_visible_given_hidden(hidden, state.generator)
            state.persistent = gibbs.init(state.sampled, visible)
        return state

    @torch.no_grad()
    def _take_over(self, state: TrainingState, made_of: tuple[Any, ...]) -> None:
        """Set the attributes to where the library's own loop stands."""
        dtype, rbm = self.components_.dtype, state.rbm
        self.components_ = rbm.weights.cpu().T.numpy().astype(dtype)
        self.intercept_hidden_ = rbm.hidden.get_parameter("bias").cpu().numpy().astype(dtype)
        self.intercept_visible_ = rbm.visible.get_parameter("bias").cpu().numpy().astype(dtype)
        if state.chains is not None:
            hidden = rbm.hidden.sample(state.chains.hidden_field, state.generator)
            self.h_samples_ = hidden.cpu().numpy().astype(dtype)
        self._learner = (made_of, self._parameters(), state)

    # Here and not with what else a fitted model says, since scikit-learn's set_output looks for it in the class itself.
    def transform(self, X: Any) -> NDArray[Any]:
        """Return P(h_j = 1 | v) for every row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components)
        """
        check_is_fitted(self)
        return self._mean_hiddens(checked(self, X, reset=False))

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made anew of the attributes."""
        return cast(dict[str, Any], super().__getstate__()) | {"_learner": None, "_partition": None}

    def __sklearn_tags__(self) -> Any:
        """Say that sparse matrices are welcome and dtypes are kept."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
