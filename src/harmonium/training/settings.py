"""What a person decides about a training run, checked before anything starts."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from harmonium.data.preparation import BINARIZE
from harmonium.errors import InputError, unknown_name
from harmonium.gradients import COORDINATES, METHODS
from harmonium.training.optimizers import OPTIMIZERS, SCHEDULES, takes_momentum
from harmonium.training.penalties import Penalties
from harmonium.units import FAMILIES

PRECISIONS = ("auto", "float32", "mixed")
"""How exactly samplers see the weights."""

MOST_UNITS = 10_000_000
"""More hidden units or chains than this are a slip of the keyboard."""


@dataclass(frozen=True)
class Settings:
    """All settings of a run. A None is replaced by the default that suits the other settings, or the data.

    The defaults are those of plain CD-1; `harmonium.training.recipe` gives better ones by name.

    Attributes
    ----------
    hidden : int
        The number of hidden units.
    visible, hidden_units : str
        The unit families, ``bernoulli`` or ``gaussian``.
    method : str
        How the model term of the gradient is estimated: ``cd``, ``pcd``, ``fast-pcd``, ``pt``, ``ptt`` or ``exact``;
        None for ``ptt`` in models of up to 2^15 weights, where it costs little, and ``pcd`` in larger ones.
    steps : int
        Gibbs steps an update.
    final_steps : int, optional
        To so many Gibbs steps the number grows, evenly over the run.
    chains : int
        The number of chains of the methods that have some, whatever the batch size.
    final_chains : int, optional
        To so many chains the number grows, of pcd.
    gradient : {"plain", "centered", "enhanced", "standardized"}
        The coordinates in which the gradient is taken.
    epochs : int, optional
        The planned number of passes over the training examples; without one as many as make about 16,000 updates.
    batch_size : int, optional
        Examples an update; 100, or all of a smaller set.
    learning_rate : float, optional
        0.01 for sgd and 0.001 for the others; for sgd with averaged parameters 0.3, and of pcd up to 1 where batches
        are large, less in long runs (`harmonium.training.rates`). A tenth of it where a
        layer is Gaussian, whose states have no bound (Hinton 2010, section 13.2).
    momentum : float, optional
        Of sgd and rmsprop, in [0, 1); 0.5 for sgd.
    weight_decay : float
        L2, on the weights only, not on the biases. It keeps the chains mixing (Hinton 2010, section 10).
    l1, max_norm, sparsity_target, sparsity_cost, clip : float
        See `harmonium.training.penalties.Penalties`.
    averaging : float
        Decay an update of the averaged parameters that become the model; 0 for none.
    hidden_bias : float, optional
        Where the hidden biases start: -1 for Bernoulli hidden units, 0 for Gaussian ones. Below 0 the units are mostly
        off at first (Hinton 2010, section 8.1), and the model that CD-1 learns does not hoard probability at the
        blank image, which its chains never visit and so never raise.
    optimizer : str
        The name of an optimiser of ``torch.optim``.
    schedule : {"constant", "linear", "cosine", "exponential"}
        How the learning rate falls over the planned epochs.
    patience : int, optional
        End when the validation log-likelihood was clearly (by more than the error of log Z) below its best in so many
        measurements, and keep the best model.
    decay_raises : int
        So often, when patience is lost, the weight decay is multiplied by five before the run may end.
    likelihood_share : float
        About what share of the time the live log-likelihood may take; 0 for none.
    binarize : {"sample", "threshold", "none"}, optional
        How intensities become binary states; ``sample`` for Bernoulli visible units, ``none`` for Gaussian ones.
    distort : float
        The share of the examples of an epoch that are distorted copies: images turned, sheared, stretched and bent a
        little, see `harmonium.data.distorted`. Whatever measures the model sees the examples themselves.
    standardize : bool
        Whether Gaussian visible units see every column with mean 0 and variance 1.
    precision : {"auto", "float32", "mixed"}
        ``mixed``: samplers see weights rounded to 16 bits, and the gradient of the weights means so rounded, while the
        weights that learn keep float32; ``auto``: where that is faster. On a GPU both multiply in TF32.
    seed : int
        Decides all randomness of the run.
    device : str
        ``cpu``, ``cuda``, or ``auto`` for cuda where there is one.

    Raises
    ------
    InputError
        When a setting is out of range or a name is unknown.
    """

    hidden: int = 500
    visible: str = "bernoulli"
    hidden_units: str = "bernoulli"
    method: str | None = "cd"
    steps: int = 1
    final_steps: int | None = None
    chains: int = 100
    final_chains: int | None = None
    gradient: str = "plain"
    epochs: int | None = 10
    batch_size: int | None = None
    learning_rate: float | None = None
    momentum: float | None = None
    weight_decay: float = 3e-3
    l1: float = 0.0
    max_norm: float | None = None
    sparsity_target: float | None = None
    sparsity_cost: float = 0.1
    clip: float | None = None
    averaging: float = 0.0
    hidden_bias: float | None = None
    optimizer: str = "sgd"
    schedule: str = "constant"
    patience: int | None = None
    decay_raises: int = 0
    likelihood_share: float = 0.1
    binarize: str | None = None
    distort: float = 0.0
    standardize: bool = True
    precision: str = "auto"
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        self._check_names()
        self._check_numbers()
        self._check_others()
        if self.momentum is not None and not takes_momentum(self.optimizer):
            raise InputError(f"the optimizer {self.optimizer} takes no momentum: leave it out, or use sgd")
        if self.visible != "bernoulli" and self.binarize not in (None, "none"):
            raise InputError(f"binarize is for bernoulli visible units: leave it out with {self.visible} ones")
        if self.binarize is None:
            object.__setattr__(self, "binarize", "sample" if self.visible == "bernoulli" else "none")
        if self.hidden_bias is None:
            object.__setattr__(self, "hidden_bias", -1.0 if self.hidden_units == "bernoulli" else 0.0)
        if self.momentum is None and self.optimizer == "sgd":
            object.__setattr__(self, "momentum", 0.5)

    def _check_names(self) -> None:
        for kind, name, known in (
            ("visible unit family", self.visible.partition(":")[0], (*FAMILIES, "labelled")),
            ("hidden unit family", self.hidden_units, FAMILIES),
            ("method", self.method or "pcd", METHODS),
            ("kind of gradient", self.gradient, COORDINATES),
            ("optimizer", self.optimizer, OPTIMIZERS),
            ("schedule", self.schedule, SCHEDULES),
            ("way to binarize", self.binarize or "none", BINARIZE),
            ("precision", self.precision, PRECISIONS),
            ("device", self.device.split(":")[0], ("auto", "cpu", "cuda")),
        ):
            if name not in known:
                raise unknown_name(kind, name, known)

    def _check_numbers(self) -> None:
        for name in ("hidden", "steps", "final_steps", "chains", "final_chains", "epochs", "batch_size", "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name.replace('_', ' ')} is {value}, but must be at least 1")
        for name in ("hidden", "chains", "final_chains"):
            value = getattr(self, name)
            if value is not None and value > MOST_UNITS:
                raise InputError(f"{name.replace('_', ' ')} is {value}, but must be at most {MOST_UNITS}")
        for name in ("learning_rate", "max_norm", "clip"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InputError(f"the {name.replace('_', ' ')} is {value:g}, but must be a positive number")
        for name in ("weight_decay", "l1", "sparsity_cost"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"the {name.replace('_', ' ')} is {value:g}, but must be 0 or a positive number")
        for name, upper in (("momentum", 1), ("averaging", 1), ("likelihood_share", 1)):
            value = getattr(self, name)
            if value is not None and not 0 <= value < upper:
                raise InputError(f"the {name.replace('_', ' ')} is {value:g}, but must be at least 0 and below {upper}")

    def _check_others(self) -> None:
        for name in ("steps", "chains"):
            final = getattr(self, f"final_{name}")
            if final is not None and final < getattr(self, name):
                raise InputError(
                    f"final {name} is {final}, but must be at least {name}, {getattr(self, name)}: their number grows"
                )
        if self.final_chains is not None and self.method not in (None, "pcd"):
            raise InputError(f"final chains is for the method pcd: leave it out with {self.method}")
        if self.sparsity_target is not None and not 0 < self.sparsity_target < 1:
            raise InputError(f"the sparsity target is {self.sparsity_target:g}, but must lie between 0 and 1")
        if not 0 <= self.distort <= 1:
            raise InputError(f"distort is {self.distort:g}, but must be from 0 to 1: a share of the examples")
        if self.decay_raises < 0:
            raise InputError(f"decay raises is {self.decay_raises}, but must be at least 0")
        if self.hidden_bias is not None and not abs(self.hidden_bias) <= 1000:
            raise InputError(f"the hidden bias is {self.hidden_bias:g}, but must be from -1000 to 1000")
        if self.seed < 0:
            raise InputError(f"the seed is {self.seed}, but must be at least 0")

    @property
    def penalties(self) -> Penalties:
        """What counts besides the likelihood."""
        return Penalties(self.l1, self.sparsity_target, self.sparsity_cost, self.clip, self.max_norm)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as a JSON object."""
        return asdict(self)
