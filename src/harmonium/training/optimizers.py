"""Optimisers and learning-rate schedules of torch, by name."""

from __future__ import annotations

import inspect

import torch
from torch.optim import lr_scheduler

from harmonium.rbm import RBM

# Those left out need a closure (LBFGS), sparse gradients (SparseAdam), matrices only (Muon) or the whole data (Rprop).
OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    name.lower(): kind
    for name, kind in vars(torch.optim).items()
    if inspect.isclass(kind)
    and issubclass(kind, torch.optim.Optimizer)
    and name not in ("Optimizer", "LBFGS", "SparseAdam", "Muon", "Rprop")
}
SCHEDULES = ("constant", "cosine", "exponential", "linear")


def takes_momentum(optimizer: str) -> bool:
    """Whether the optimiser of that name has a parameter momentum."""
    return "momentum" in inspect.signature(OPTIMIZERS[optimizer]).parameters


def make_optimizer(
    rbm: RBM, name: str, learning_rate: float, weight_decay: float, momentum: float | None
) -> torch.optim.Optimizer:
    """Return the optimiser of that name, with weight decay on the weights only.

    Biases are few and need to be as large as they are, so they are not decayed (Hinton 2010, section 10.1).
    """
    kind = OPTIMIZERS[name]
    known = inspect.signature(kind).parameters
    options: dict[str, object] = {"lr": learning_rate}
    if momentum is not None:
        options["momentum"] = momentum
    if "fused" in known:
        options["fused"] = True  # one pass over the weights instead of one for each operation
    weights = {"params": [rbm.weights], "weight_decay": weight_decay}
    others = {"params": [*rbm.visible.parameters(), *rbm.hidden.parameters()], "weight_decay": 0.0}
    return kind([weights, others], **options)  # type: ignore[arg-type]


def make_scheduler(optimizer: torch.optim.Optimizer, schedule: str, updates: int) -> lr_scheduler.LRScheduler | None:
    """Return the schedule of that name over the planned number of updates; None where the rate is constant.

    ``linear`` falls to 0; ``cosine`` to 0 along half a cosine; ``exponential`` to a hundredth.
    """
    if schedule == "linear":
        return lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=updates)
    if schedule == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, T_max=updates)
    if schedule == "exponential":
        return lr_scheduler.ExponentialLR(optimizer, gamma=0.01 ** (1 / updates))
    return None
