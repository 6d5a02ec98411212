"""Where a run stands: one object that can be saved and resumed exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from harmonium.errors import InputError
from harmonium.gradients import Estimator, make_estimator
from harmonium.kernels import why_not
from harmonium.packed import RoundedRBM, gains
from harmonium.rbm import RBM
from harmonium.sampling import GibbsState
from harmonium.seeds import TRAINING, WEIGHTS, generator_for
from harmonium.training.materials import Materials
from harmonium.training.optimizers import make_optimizer, make_scheduler
from harmonium.training.settings import Settings
from harmonium.units import make_units

DEFAULT_BATCH_SIZE = 100


@dataclass
class TrainingState:
    """All that the next update depends on.

    Attributes
    ----------
    settings : Settings
    rbm : RBM
    sampled : RBM
        The model as samplers see it: the same, or with weights rounded to bfloat16 where that is faster.
    optimizer : torch.optim.Optimizer
    scheduler : LRScheduler, optional
        None where the learning rate is constant.
    estimator : Estimator
        How the model term is estimated.
    chains : GibbsState, optional
        Where the persistent chains stand.
    generator : torch.Generator
        The source of all randomness of the updates.
    batch_size : int
        Examples an update.
    updates_per_epoch : int
    update : int
        Updates completed: with the seed it also says where in which epoch the run is.
    seconds : float
        Time spent in updates.
    """

    settings: Settings
    rbm: RBM
    sampled: RBM
    optimizer: torch.optim.Optimizer
    scheduler: LRScheduler | None
    estimator: Estimator
    chains: GibbsState | None
    generator: torch.Generator
    batch_size: int
    updates_per_epoch: int
    update: int = 0
    seconds: float = 0.0

    @property
    def epochs_done(self) -> int:
        """The number of epochs completed."""
        return self.update // self.updates_per_epoch

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next update."""
        return float(self.optimizer.param_groups[0]["lr"])

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor of the state by a name."""
        tensors = {f"rbm.{name}": tensor for name, tensor in self.rbm.state_dict().items()}
        for index, slots in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": slot for name, slot in slots.items() if torch.is_tensor(slot)}
        if self.chains is not None:
            tensors |= {f"chains.{name}": tensor for name, tensor in self.chains._asdict().items()}
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
            if isinstance(self.sampled, RoundedRBM):
                self.sampled.refresh()
            self._restore_optimizer(_under("optimizer.", tensors), numbers["optimizer"])
            chains = _under("chains.", tensors)
            device = self.rbm.weights.device
            self.chains = GibbsState(**{k: v.to(device) for k, v in chains.items()}) if chains else None
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

    def _restore_optimizer(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        state: dict[int, dict[str, Any]] = {int(index): dict(slots) for index, slots in numbers["state"].items()}
        for name, tensor in tensors.items():
            index, slot = name.split(".", 1)
            state.setdefault(int(index), {})[slot] = tensor
        self.optimizer.load_state_dict({"state": state, "param_groups": numbers["param_groups"]})


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with the prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a scheduler's state what JSON cannot hold and it does not need."""
    return {name: value for name, value in state.items() if isinstance(value, int | float | bool | list | type(None))}


def start(settings: Settings, data: Materials) -> TrainingState:
    """Return the state before the first update.

    Weights are drawn from Normal(0, 0.01^2), the visible layer starts at the moments of the data (for Bernoulli units
    at log(p / (1 - p)) of the smoothed mean p) and the hidden biases where the settings say (Hinton 2010, sections
    8 and 8.1).

    Raises
    ------
    InputError
        When the batch size exceeds the number of training examples, or the device is not there.
    """
    device = choose_device(settings.device)
    batch_size = choose_batch_size(settings, data)
    if batch_size > len(data.train):
        raise InputError(
            f"the batch size is {batch_size}, but there are only {len(data.train)} training examples: lower it"
        )
    visible = make_units(settings.visible, data.train.width)
    visible.match_moments(data.found.mean, data.found.variance, data.found.cases)
    hidden = make_units(settings.hidden_units, settings.hidden)
    nn.init.constant_(hidden.get_parameter("bias"), settings.hidden_bias or 0.0)
    rbm = RBM(visible, hidden, generator=generator_for(settings.seed, WEIGHTS)).to(device)
    estimator = make_estimator(settings.method, settings.steps, settings.chains)
    generator = generator_for(settings.seed, TRAINING, device=device)
    chains = estimator.init(rbm, generator)
    assert settings.learning_rate is not None  # Settings has put a number there
    optimizer = make_optimizer(
        rbm, settings.optimizer, settings.learning_rate, settings.weight_decay, settings.momentum
    )
    updates_per_epoch = math.ceil(len(data.train) / batch_size)
    scheduler = make_scheduler(optimizer, settings.schedule, settings.epochs * updates_per_epoch)
    return TrainingState(
        settings,
        rbm,
        _as_sampled(rbm, settings.precision),
        optimizer,
        scheduler,
        estimator,
        chains,
        generator,
        batch_size,
        updates_per_epoch,
    )


def _as_sampled(rbm: RBM, precision: str) -> RBM:
    """Return the model for samplers, rounded where it was asked for or gains.

    Raises
    ------
    InputError
        When it was asked for and cannot be.
    """
    if precision == "float32" or (precision == "auto" and not gains(rbm)):
        return rbm
    if not gains(rbm):
        reason = why_not() or "the model is too small, not on the CPU, or its visible units are not binary"
        raise InputError(f"mixed precision gains nothing here ({reason}): leave --precision at auto")
    return RoundedRBM(rbm)


def choose_batch_size(settings: Settings, data: Materials) -> int:
    """Return the batch size of the settings; without one, 100 or all of a smaller set."""
    return min(DEFAULT_BATCH_SIZE, len(data.train)) if settings.batch_size is None else settings.batch_size


def choose_device(name: str) -> torch.device:
    """Return the device of that name; ``auto`` is cuda where there is one, else the CPU.

    Raises
    ------
    InputError
        When cuda is asked for and not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError("torch sees no cuda device here: use --device cpu")
    try:
        return torch.device(name)
    except RuntimeError:
        raise InputError(f"unknown device {name!r}: use cpu, cuda or auto") from None
