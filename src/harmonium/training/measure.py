"""The measurements that a record reports."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.likelihood import pseudo_log_likelihood
from harmonium.rbm import RBM
from harmonium.sampling import dream, gibbs
from harmonium.seeds import MEASURE, generator_for
from harmonium.training.materials import Materials
from harmonium.training.record import Record
from harmonium.training.state import TrainingState

DREAM_CHAINS, DREAM_STEPS = 64, 50
INTEGRALS = 200  # examples of real-valued units, each of which takes an integral
ENOUGH, SWEEPS = 10, 500  # chains, and sweeps between two looks at them, to say whether they move
SITES = 5  # drawn for each example: one alone makes a jagged curve


@torch.no_grad()
def measure(state: TrainingState, data: Materials, examples_per_second: float) -> Record:
    """Measure the model as it stands.

    All randomness comes from a generator of its own, so that measuring changes nothing in the run, and it is the same
    at every call, so that a curve shows the change of the model and not of the draws.
    """
    rbm, device = state.current, state.rbm.weights.device
    generator = generator_for(state.settings.seed, MEASURE, 1, device=device)
    train = data.monitored_train.to(device)
    validation = None if data.monitored_validation is None else data.monitored_validation.to(device)
    held_out = train if validation is None else validation
    live = None
    if data.held_out is not None:
        live = state.live.measure(rbm, data.held_out, state.persistent, last=_is_last(state))
    if live is not None and data.validation is not None:
        state.note(live.value, live.log_partition_error)
    warnings = ["the validation log-likelihood falls: the model overfits"] if _is_overfitting(state) else []
    warnings += ["the chains hardly move: try method ptt or a smaller learning rate"] if _have_stuck(state) else []
    field = rbm.hidden_field(train)
    free_energy_train = float(rbm.free_energy_from_field(train, field).mean())
    return Record(
        epoch=state.epochs_done,
        update=state.update,
        seconds=state.seconds,
        examples_per_second=examples_per_second,
        learning_rate=state.learning_rate,
        reconstruction_error=_reconstruction_error(rbm, held_out, generator),
        pseudo_log_likelihood=_pseudo_log_likelihood(rbm, held_out, generator),
        free_energy_data=free_energy_train,
        free_energy_dreams=_free_energy_of_dreams(rbm, state.chains, generator),
        free_energy_gap=None if validation is None else float(rbm.free_energy(validation).mean()) - free_energy_train,
        hidden_activity=float(rbm.hidden.mean(field).mean()),
        weight_norm=float(rbm.weights.norm()),
        log_likelihood=None if live is None else live.value,
        log_likelihood_error=None if live is None else live.error,
        log_partition=None if live is None else live.log_partition,
        log_partition_error=None if live is None else live.log_partition_error,
        **(state.persistent.report() if hasattr(state.persistent, "report") else {}),
        warning="; ".join(warnings) or None,
    )


def _is_overfitting(state: TrainingState) -> bool:
    """Whether the validation log-likelihood has been below its best for half of the patience."""
    patience = state.settings.patience
    return patience is not None and state.waited >= max(2, patience // 2)


def _have_stuck(state: TrainingState) -> bool:
    """Whether chains are near where they were 500 sweeps ago or more, nearer than half the way to another chain."""
    if state.chains is None or (state.update - state.watched_at) * state.settings.steps < SWEEPS:
        return False
    now, before = state.chains.visible, state.watched
    state.watched, state.watched_at = now.clone(), state.update
    if before is None or len(before) != len(now) or len(now) < ENOUGH:
        return False
    own = (now - before).square().sum(1).mean()
    others = (now - before.roll(1, 0)).square().sum(1).mean()
    return bool(own < 0.5 * others)


def _is_last(state: TrainingState) -> bool:
    return state.epochs_done >= state.epochs


def _reconstruction_error(rbm: RBM, visible: Tensor, generator: torch.Generator) -> float:
    hidden = rbm.sample_hidden_given_visible(visible, generator)
    return float((visible - rbm.mean_visible_given_hidden(hidden)).square().mean())


def _pseudo_log_likelihood(rbm: RBM, visible: Tensor, generator: torch.Generator) -> float | None:
    states = rbm.visible.unit_states()
    if states is None:
        visible = visible[:INTEGRALS]
    # Intensities trained on as they are (binarize none) are no states, and have no pseudo-likelihood; nor have labels,
    # which do not change one by one.
    elif not rbm.visible.independent or not torch.isin(visible, states).all():
        return None
    draws = [pseudo_log_likelihood(rbm, visible, generator).mean() for _ in range(SITES)]
    return float(torch.stack(draws).mean())


def _free_energy_of_dreams(rbm: RBM, chains: gibbs.GibbsState | None, generator: torch.Generator) -> float:
    """Return the mean free energy of the persistent chains, or of dreams that start from noise."""
    if chains is not None:
        return float(rbm.free_energy(chains.visible).mean())
    start = gibbs.init_from_noise(rbm, DREAM_CHAINS, generator)
    return float(dream(rbm, start, DREAM_STEPS, generator).free_energy.mean())
