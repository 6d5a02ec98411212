"""Where a run stands: one object that can be saved and resumed exactly."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel

from harmonium.errors import InputError
from harmonium.gradients import Coordinates, Estimator
from harmonium.packed import PackedRBM
from harmonium.rbm import RBM
from harmonium.sampling import GibbsState
from harmonium.training.live import LiveLikelihood
from harmonium.training.settings import Settings

RAISE = 5.0
"""By what the weight decay is multiplied when the model overfits."""

RECORDS = 200
"""Of a run of more epochs than this, only every second, third, ... is measured."""


@dataclass
class TrainingState:
    """All that the next update depends on.

    Attributes
    ----------
    settings : Settings
        With the epochs and the batch size decided.
    rbm : RBM
        The model that learns.
    sampled : RBM
        The same as samplers see it: itself, or packed, and with weights rounded to 16 bits, where that is faster.
    optimizer : torch.optim.Optimizer
    scheduler : LRScheduler, optional
        None where the learning rate is constant.
    estimator : Estimator
        How the model term is estimated.
    persistent : object, optional
        What persists of it from update to update.
    coordinates : Coordinates
        In which the gradient is taken.
    kept : dict of str to Tensor
        What these keep.
    generator : torch.Generator
        The source of all randomness of the updates.
    updates_per_epoch : int
    averages : AveragedModel, optional
        The averaged parameters.
    activity : Tensor, shape (m,), optional
        The measured activity of the hidden units, where there is a target.
    live : LiveLikelihood
        The log-likelihood while training goes on.
    best : RBM, optional
        Where the settings have patience, the model with the highest validation log-likelihood so far, or a later one
        within the error of log Z.
    best_value : float
        Its log-likelihood.
    best_floor : float
        The highest log-likelihood so far less its error.
    best_rung : int
        How many checkpoints trajectory tempering had then: those that lead up to it.
    waited : int
        How many measurements since then, or since the weight decay was raised, were clearly lower.
    raised : int
        How often it was.
    watched : Tensor, shape (chains, n), optional
        Where the chains stood when they were looked at last.
    watched_at : int
        The update after which that was.
    update : int
        Updates completed: with the seed it also says where in which epoch the run is.
    seconds : float
        Time spent in updates.
    prepared : PreparedUpdate, optional
        Calls of kernels that were made for the last update and serve the next; nothing depends on them but speed.
    """

    settings: Settings
    rbm: RBM
    sampled: RBM
    optimizer: torch.optim.Optimizer
    scheduler: LRScheduler | None
    estimator: Estimator
    persistent: Any
    coordinates: Coordinates
    kept: dict[str, Tensor]
    generator: torch.Generator
    updates_per_epoch: int
    averages: AveragedModel | None
    live: LiveLikelihood
    activity: Tensor | None = None
    best: RBM | None = None
    best_value: float = -math.inf
    best_floor: float = -math.inf
    best_rung: int = 0
    waited: int = 0
    raised: int = 0
    watched: Tensor | None = None
    watched_at: int = 0
    update: int = 0
    seconds: float = 0.0
    prepared: Any = field(default=None, repr=False, compare=False)

    @property
    def batch_size(self) -> int:
        """Examples an update."""
        assert self.settings.batch_size is not None
        return self.settings.batch_size

    @property
    def epochs(self) -> int:
        """The planned number of epochs."""
        assert self.settings.epochs is not None
        return self.settings.epochs

    @property
    def epochs_done(self) -> int:
        """The number of epochs completed."""
        return self.update // self.updates_per_epoch

    @property
    def record_every(self) -> int:
        """After how many epochs a record is made."""
        return math.ceil(self.epochs / RECORDS)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next update."""
        return float(self.optimizer.param_groups[0]["lr"])

    @property
    def chains(self) -> GibbsState | None:
        """The persistent chains of the model itself, where there are any."""
        return None if self.persistent is None else self.persistent.chains

    @property
    def current(self) -> RBM:
        """The model as it is now: with averaged parameters where they are averaged."""
        if self.averages is None or self.averages.n_averaged == 0:
            return self.rbm
        return cast(RBM, self.averages.module)

    @property
    def model(self) -> RBM:
        """The model that is kept: the best so far where the settings have patience, else the current one."""
        return self.current if self.best is None else self.best

    @property
    def finished(self) -> bool:
        """Whether the run has come to its end, planned or by lost patience."""
        patience = self.settings.patience
        return self.epochs_done >= self.epochs or (patience is not None and self.waited >= patience)

    def note(self, value: float, error: float = 0.0) -> None:
        """Take note of a validation log-likelihood: keep the best model; decay more if it has been that for long.

        Of models between which the `error` of log Z leaves no choice the later one is kept: its learning rate is lower.
        Only what lies below the best by more than the errors of both costs patience: at a high learning rate the
        likelihood stays where it is for long, and rises again when the rate falls.
        """
        if self.settings.patience is None:
            return
        if value > self.best_floor:
            self.best, self.best_value, self.waited = copy.deepcopy(self.current), value, 0
            self.best_rung = len(getattr(self.persistent, "ladder", ()))
        elif value + error < self.best_floor:
            self.waited += 1
        self.best_floor = max(self.best_floor, value - error)
        if self.waited >= self.settings.patience and self.raised < self.settings.decay_raises:
            self.raised, self.waited = self.raised + 1, 0
            self.optimizer.param_groups[0]["weight_decay"] *= RAISE

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor of the state by a name."""
        tensors = {f"rbm.{name}": tensor for name, tensor in self.rbm.state_dict().items()}
        for index, slots in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": slot for name, slot in slots.items() if torch.is_tensor(slot)}
        parts: dict[str, dict[str, Tensor]] = {"kept": self.kept, "live": self.live.tensors()}
        if self.persistent is not None:
            parts["persistent"] = self.persistent.tensors()
            parts["chains"] = self.persistent.chains.tensors()
        if self.averages is not None:
            parts["averages"] = self.averages.state_dict()
        if self.best is not None:
            parts["best"] = self.best.state_dict()
        others = {"activity": self.activity, "watched": self.watched}
        parts["other"] = {name: tensor for name, tensor in others.items() if tensor is not None}
        for part, named in parts.items():
            tensors |= {f"{part}.{name}": tensor for name, tensor in named.items()}
        return tensors | {"generator": self.generator.get_state()}

    def numbers(self) -> dict[str, Any]:
        """Return everything of the state that is no tensor, as a JSON object."""
        optimizer = self.optimizer.state_dict()
        slots = {
            index: {name: slot for name, slot in slots.items() if not torch.is_tensor(slot)}
            for index, slots in optimizer["state"].items()
        }
        return {
            "update": self.update,
            "updates_per_epoch": self.updates_per_epoch,
            "seconds": self.seconds,
            "optimizer": {"param_groups": optimizer["param_groups"], "state": slots},
            "scheduler": None if self.scheduler is None else _plain(self.scheduler.state_dict()),
            "best_value": _finite(self.best_value),
            "best_floor": _finite(self.best_floor),
            "best_rung": self.best_rung,
            "waited": self.waited,
            "raised": self.raised,
            "watched_at": self.watched_at,
            "live": self.live.numbers(),
        }

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """Put back what `tensors` and `numbers` returned.

        Raises
        ------
        InputError
            When they belong to a run of other settings or data.
        """
        try:
            self.rbm.load_state_dict(_under("rbm.", tensors))
            if isinstance(self.sampled, PackedRBM):
                self.sampled.refresh()
            self._restore_optimizer(_under("optimizer.", tensors), numbers["optimizer"])
            self.persistent = self.estimator.restored(self.sampled, _under("persistent.", tensors))
            self._restore_others(tensors, numbers)
            self.generator.set_state(tensors["generator"])
            if numbers["updates_per_epoch"] != self.updates_per_epoch:
                raise InputError("the training data have another number of examples than when the run started")
            self.update, self.seconds = numbers["update"], numbers["seconds"]
            if self.scheduler is not None:
                self.scheduler.load_state_dict(numbers["scheduler"])
        except (KeyError, RuntimeError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            reason = " ".join(str(error).split())
            raise InputError(f"the checkpoint does not fit the settings of its run: {reason}") from error

    def _restore_others(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        device = self.rbm.weights.device
        self.kept = {name: tensors[f"kept.{name}"].to(device) for name in self.kept}
        if self.averages is not None:
            self.averages.load_state_dict(_under("averages.", tensors))
        best = _under("best.", tensors)
        if best:
            self.best = copy.deepcopy(self.rbm)
            self.best.load_state_dict(best)
        self.best_value, self.best_floor = (
            -math.inf if numbers[name] is None else numbers[name] for name in ("best_value", "best_floor")
        )
        self.best_rung = numbers["best_rung"]
        self.waited, self.raised = numbers["waited"], numbers["raised"]
        self.watched_at = numbers["watched_at"]
        others = {name: tensor.to(device) for name, tensor in _under("other.", tensors).items()}
        self.activity, self.watched = others.get("activity"), others.get("watched")
        self.live.restore(_under("live.", tensors), numbers["live"])

    def _restore_optimizer(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        state: dict[int, dict[str, Any]] = {int(index): dict(slots) for index, slots in numbers["state"].items()}
        for name, tensor in tensors.items():
            index, slot = name.split(".", 1)
            state.setdefault(int(index), {})[slot] = tensor
        self.optimizer.load_state_dict({"state": state, "param_groups": numbers["param_groups"]})


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with the prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _finite(number: float) -> float | None:
    """Return the number, or None for one that JSON does not know."""
    return number if math.isfinite(number) else None


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a scheduler's state what JSON cannot hold and it does not need."""
    return {name: value for name, value in state.items() if isinstance(value, int | float | bool | list | type(None))}
