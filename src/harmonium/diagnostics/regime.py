"""Equilibrium or not: how good dreams are after more and more steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from harmonium.diagnostics.adversarial import AdversarialAccuracy, adversarial_accuracy
from harmonium.errors import InputError
from harmonium.rbm import RBM
from harmonium.sampling import GibbsState, gibbs

TOLERANCE = 0.05
"""Differences of the departure below this, plus two standard errors, do not count."""

SMOOTH = 3
"""Looks that are averaged before they are compared."""


class Regime(NamedTuple):
    """The quality of dreams as a function of the number of steps.

    Attributes
    ----------
    steps : ndarray, shape (looks,)
        After how many Gibbs steps.
    from_noise, from_data : sequence of AdversarialAccuracy
        That of chains that started at noise, and at examples, at each look.
    free_energy : ndarray, shape (steps, chains)
        Of the chains from noise, after every step, in nats.
    tolerance : float
        What differences do not count.
    """

    steps: np.ndarray
    from_noise: Sequence[AdversarialAccuracy]
    from_data: Sequence[AdversarialAccuracy]
    free_energy: np.ndarray
    tolerance: float

    @property
    def best(self) -> int:
        """After about how many steps dreams from noise are best."""
        offset = (len(self.steps) - len(_smooth(self.from_noise))) // 2
        return int(self.steps[_smooth(self.from_noise).argmin() + offset])

    @property
    def verdict(self) -> str:
        """Whether dreams get worse as chains run longer, from noise or (as in CD) from data: ``out of equilibrium``.

        ``not settled`` where it still matters after the longest run where they started; else ``equilibrium``.
        """
        curves = [_smooth(curve) for curve in (self.from_noise, self.from_data)]
        if any(curve[-1] > curve.min() + self.tolerance for curve in curves):
            return "out of equilibrium"
        if abs(curves[0][-1] - curves[1][-1]) > self.tolerance:
            return "not settled"
        return "equilibrium"


@torch.no_grad()
def dream_quality(
    rbm: RBM, examples: Tensor, generator: torch.Generator, *, chains: int = 300, steps: int = 1000
) -> Regime:
    """Look at chains from noise and from data as they run, and hold both against data.

    A model that was trained to equilibrium dreams ever better until nothing changes, from wherever it starts. One that
    was trained on chains too short for that has learned the way of those chains instead: its dreams are best after
    about as many steps as in training, and get worse when it is left to run longer.

    Parameters
    ----------
    rbm : RBM
        The model.
    examples : Tensor, shape (cases, n)
        Data, in any order; one half starts chains and the other is what dreams are compared with.
    generator : torch.Generator
        The source of all randomness.
    chains : int
        Chains of each kind; at most half of the examples.
    steps : int
        The longest run.

    Raises
    ------
    InputError
        When there are fewer than 4 examples, or less than 1 step.

    Notes
    -----
    Source: Decelle, Furtlehner & Seoane 2021, "Equilibrium and non-equilibrium regimes in the learning of restricted
    Boltzmann machines", section 4.
    """
    if len(examples) < 4 or steps < 1:
        raise InputError(f"the quality of dreams needs at least 4 examples and 1 step, not {len(examples)} and {steps}")
    order = torch.randperm(len(examples), generator=generator)
    chains = min(chains, len(examples) // 2)
    start, data = examples[order[:chains]].to(rbm.weights), examples[order[chains : 2 * chains]].to(rbm.weights)
    looks = np.unique(np.geomspace(1, steps, 13).round().astype(int))
    noise, free_energy = _watch(rbm, gibbs.init_from_noise(rbm, chains, generator), data, looks, generator)
    held, _ = _watch(rbm, gibbs.init(rbm, start), data, looks, generator)
    tolerance = TOLERANCE + 2 * (0.25 / (2 * chains * SMOOTH)) ** 0.5
    return Regime(looks, noise, held, free_energy, tolerance)


def _smooth(curve: Sequence[AdversarialAccuracy]) -> np.ndarray:
    """Return the running mean of the departures over three looks."""
    departures = np.array([look.departure for look in curve])
    return np.convolve(departures, np.ones(SMOOTH) / SMOOTH, mode="valid") if len(curve) >= SMOOTH else departures


def _watch(
    rbm: RBM, state: GibbsState, data: Tensor, looks: np.ndarray, generator: torch.Generator
) -> tuple[list[AdversarialAccuracy], np.ndarray]:
    """Run chains; return the accuracy at the looks and the free energies after every step."""
    # In one piece: small tensors kept among large ones that come and go would leave the memory in tatters.
    accuracy, energies = [], data.new_empty(int(looks[-1]), len(state.visible))
    for step in range(1, looks[-1] + 1):
        state = gibbs.step(rbm, state, generator)
        energies[step - 1] = rbm.free_energy_from_field(state.visible, state.hidden_field)
        if step in looks:
            accuracy.append(adversarial_accuracy(data, state.visible))
    return accuracy, energies.double().cpu().numpy()
