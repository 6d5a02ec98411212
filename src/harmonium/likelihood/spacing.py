"""Where to put the temperatures of annealing."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from harmonium.errors import InputError
from harmonium.sampling.path import GeometricPath


def power_spacing(temperatures: int, power: float = 2.0) -> np.ndarray:
    """Return betas from 0 to 1 that lie denser near 1: 1 - (1 - t)^power for evenly spaced t.

    Raises
    ------
    InputError
        When there are fewer than 2 temperatures.
    """
    if temperatures < 2:
        raise InputError(f"temperatures is {temperatures}, but annealing needs at least 2: its base and the model")
    return 1 - (1 - np.linspace(0, 1, temperatures)) ** power


@torch.no_grad()
def adaptive_spacing(
    path: GeometricPath, temperatures: int, generator: torch.Generator, pilot_runs: int = 64
) -> np.ndarray:
    """Return betas whose steps contribute alike to the variance of the log-weights.

    A pilot run measures g(beta), the variance over runs of the log-weight's slope. A step d at beta adds about d^2 g to
    the variance, which is smallest in sum where d is proportional to 1 / sqrt(g): equal steps of thermodynamic length
    (Neal 2001, section 4, on the choice of spacing; Crooks 2007, "Measuring thermodynamic length").

    Parameters
    ----------
    path : GeometricPath
        From the base to the model.
    temperatures : int
        How many betas, both ends included.
    generator : torch.Generator
        The source of randomness of the pilot.
    pilot_runs : int
        How many runs the pilot has; it takes a tenth of the temperatures, from 50 to 200.

    Returns
    -------
    ndarray, shape (temperatures,)
        Rising from 0 to 1.
    """
    pilot = power_spacing(min(200, max(50, temperatures // 10)), 1.5)
    visible = path.sample_base(pilot_runs, generator)
    field = path.rbm.hidden_field(visible)
    lengths = []
    for previous, level in itertools.pairwise(path.at(beta) for beta in pilot):
        lengths.append(float((previous.free_energy(visible, field) - level.free_energy(visible, field)).std()))
        visible, field = path.step(field, level, generator)
    # A floor keeps some temperatures where the pilot saw no variance, a tenth of them evenly spread.
    length = np.asarray(lengths)
    smooth = np.convolve(np.pad(length, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    share = 0.9 * smooth / max(smooth.sum(), 1e-300) + 0.1 * np.diff(pilot)
    cumulative = np.concatenate([[0.0], np.cumsum(share)])
    betas = np.interp(np.linspace(0, cumulative[-1], temperatures), cumulative, pilot)
    betas[0], betas[-1] = 0.0, 1.0
    return betas
