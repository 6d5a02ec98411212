"""All diagnostics of a model together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from harmonium.diagnostics.hidden_units import hidden_units
from harmonium.diagnostics.mixing import autocorrelation_time, r_hat
from harmonium.diagnostics.regime import Regime, dream_quality
from harmonium.kernels import sample_from_probability
from harmonium.packed import packed_if_faster, rounded_if_faster
from harmonium.rbm import RBM
from harmonium.sampling import GibbsState, gibbs

CHAIN_STEPS = 500
"""Steps that persistent chains are followed for."""


ENOUGH = 200
"""With fewer validation examples the dreams are held against training examples."""


@dataclass(frozen=True)
class Diagnosis:
    """What the diagnostics found; energies in nats, times in Gibbs steps.

    Attributes
    ----------
    free_energy_train, free_energy_validation, free_energy_dreams : float
        Mean F of training examples, of validation examples (None without any), and of the chains.
    free_energy_gap : float or None
        Validation minus training.
    dead_units, saturated_units : int
        Hidden units that are off, or on, whatever is shown.
    autocorrelation_time : float
        Of the free energy along the chains.
    r_hat : float
        Of the same.
    adversarial_accuracy : float
        Of dreams from noise, after the longest run, against data.
    departure : float
        How far the two shares behind it are from 0.5.
    best_steps : int
        After how many steps dreams are best.
    regime : str
        ``equilibrium``, ``out of equilibrium`` or ``not settled``.
    """

    free_energy_train: float
    free_energy_validation: float | None
    free_energy_gap: float | None
    free_energy_dreams: float
    dead_units: int
    saturated_units: int
    autocorrelation_time: float
    r_hat: float
    adversarial_accuracy: float
    departure: float
    best_steps: int
    regime: str


@torch.no_grad()
def diagnose(
    rbm: RBM,
    train: Tensor,
    generator: torch.Generator,
    *,
    validation: Tensor | None = None,
    chains: GibbsState | None = None,
) -> tuple[Diagnosis, Regime]:
    """Diagnose a model, in a few seconds.

    Parameters
    ----------
    rbm : RBM
        The model.
    train : Tensor, shape (cases, n)
        Training examples, at least 4.
    generator : torch.Generator
        The source of all randomness.
    validation : Tensor, shape (cases, n), optional
        Examples that it was not trained on.
    chains : GibbsState, optional
        The persistent chains of training, whose mixing is measured; without them the second half of the dreams is.

    Returns
    -------
    diagnosis : Diagnosis
    regime : Regime
        The curve behind the last three entries.

    Notes
    -----
    Chains run as in training, with weights rounded to 16 bits where that is faster, and so are their free energies;
    those of examples are computed with the weights as they are.
    """
    sampled, rbm = rounded_if_faster(rbm), packed_if_faster(rbm)
    held_out = train if validation is None or len(validation) < ENOUGH else validation
    quality = dream_quality(sampled, _as_states(rbm, held_out, generator), generator)
    energies = quality.free_energy[len(quality.free_energy) // 2 :]
    if chains is not None:
        energies = _followed(sampled, chains, generator)
    means = [None if x is None else float(rbm.free_energy(x.to(rbm.weights)).mean()) for x in (train, validation)]
    units = hidden_units(rbm, train)
    assert means[0] is not None
    found = Diagnosis(
        free_energy_train=means[0],
        free_energy_validation=means[1],
        free_energy_gap=None if means[1] is None else means[1] - means[0],
        free_energy_dreams=float(energies[-1].mean()),
        dead_units=int(units.dead.sum()),
        saturated_units=int(units.saturated.sum()),
        autocorrelation_time=autocorrelation_time(energies),
        r_hat=r_hat(energies),
        adversarial_accuracy=quality.from_noise[-1].accuracy,
        departure=quality.from_noise[-1].departure,
        best_steps=quality.best,
        regime=quality.verdict,
    )
    return found, quality


def _as_states(rbm: RBM, examples: Tensor, generator: torch.Generator) -> Tensor:
    """Draw states where the examples are intensities between the states, as dreams are states."""
    states = rbm.visible.unit_states()
    if states is None or torch.isin(examples, states.to(examples)).all():
        return examples
    return sample_from_probability(examples, generator)


def _followed(rbm: RBM, chains: GibbsState, generator: torch.Generator) -> np.ndarray:
    """Return the free energies of chains after each of some more steps: (steps, chains)."""
    state, energies = gibbs.init(rbm, chains.visible), rbm.weights.new_empty(CHAIN_STEPS, len(chains.visible))
    for step in range(CHAIN_STEPS):
        state = gibbs.step(rbm, state, generator)
        energies[step] = rbm.free_energy_from_field(state.visible, state.hidden_field)
    return energies.double().cpu().numpy()
