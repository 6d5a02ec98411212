"""What is added to a gradient besides likelihood, and what is done to the weights after a step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from harmonium.gradients import Statistics
from harmonium.rbm import RBM

FOLLOW = 0.1
"""How fast the measured activity of the hidden units follows that of a batch (Hinton 2010, section 11: 0.9 to 0.99)."""


@dataclass(frozen=True)
class Penalties:
    """L1, a target of sparsity, clipping and a bound on the weights of a unit; 0 or None switches each off.

    Attributes
    ----------
    l1 : float
        Adds l1 sign(w) to the gradient of the weights.
    sparsity_target : float, optional
        How active a hidden unit ought to be.
    sparsity_cost : float
        Adds cost (q - target), q the measured activity, to the gradient of a unit's total input.
    clip : float, optional
        The largest norm of the whole gradient.
    max_norm : float, optional
        The largest norm of the weights into a hidden unit.

    Notes
    -----
    Source: Hinton 2010, "A practical guide to training restricted Boltzmann machines", sections 10 and 11; max-norm,
    Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov 2014, section 5.1.
    """

    l1: float = 0.0
    sparsity_target: float | None = None
    sparsity_cost: float = 0.0
    clip: float | None = None
    max_norm: float | None = None

    @property
    def change_gradient(self) -> bool:
        """Whether a gradient has to be written out to be changed."""
        return bool(self.l1) or self.sparsity_target is not None or self.clip is not None

    @torch.no_grad()
    def add(self, rbm: RBM, data: Statistics, activity: Tensor | None) -> Tensor | None:
        """Change every ``.grad``; return the measured activity (m,), moved on, where there is a target."""
        weights, bias = rbm.weights.grad, rbm.hidden.get_parameter("bias").grad
        assert weights is not None
        assert bias is not None
        if self.l1:
            weights.add_(rbm.weights.sign(), alpha=self.l1)
        if self.sparsity_target is not None:
            now = data.hidden["bias"]
            activity = now if activity is None else torch.lerp(activity, now, FOLLOW)
            excess = self.sparsity_cost * (activity - self.sparsity_target)
            bias.add_(excess)
            weights.addr_(data.visible["bias"], excess)
        if self.clip is not None:
            nn.utils.clip_grad_norm_(rbm.parameters(), self.clip)
        return activity

    @torch.no_grad()
    def bound(self, rbm: RBM) -> bool:
        """Shrink the weights into a unit where they exceed the bound; say whether there is one."""
        if self.max_norm is None:
            return False
        norm = rbm.weights.norm(dim=0)
        rbm.weights.mul_((self.max_norm / norm.clamp(min=1e-30)).clamp(max=1.0))
        return True
