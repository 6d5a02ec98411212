"""Pseudo-log-likelihood: each visible unit given all others, which needs no Z."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.errors import InputError
from harmonium.rbm import RBM


@torch.no_grad()
def pseudo_log_likelihood(rbm: RBM, visible: Tensor, generator: torch.Generator | None = None) -> Tensor:
    r"""Estimate the pseudo-log-likelihood of each example from one visible unit drawn at random.

        PL(v) = sum_i log P(v_i | v_others),    P(v_i = s | v_others) proportional to exp(-F(v with v_i = s))

    For each example one site i is drawn uniformly, and n log P(v_i | v_others) is returned: an unbiased estimate of the
    sum over all n sites, per example, in nats.

    Parameters
    ----------
    rbm : RBM
        A model whose visible units have finitely many states.
    visible : Tensor, shape (cases, n)
        Examples, each value one of the unit's states.
    generator : torch.Generator, optional
        The source of the sites.

    Returns
    -------
    Tensor, shape (cases,)

    Raises
    ------
    InputError
        When the visible units are real-valued: the sum over the states of one is then an integral that has no closed
        form.

    Notes
    -----
    Source: Besag 1975; as a progress measure of RBMs, Marlin, Swersky, Chen & de Freitas 2010.
    """
    states = _states_of_a_unit(rbm)
    site = torch.randint(rbm.visible.size, (len(visible),), generator=generator, device=visible.device)
    return rbm.visible.size * _log_conditional(rbm, visible, site, states)


@torch.no_grad()
def exact_pseudo_log_likelihood(rbm: RBM, visible: Tensor) -> Tensor:
    r"""Return the pseudo-log-likelihood of each example, summed over all n sites: n times the work of the estimate.

        PL(v) = sum_i log P(v_i | v_others)

    This is the sum over the sites, in nats per example, not their mean: n times as large. (scikit-learn's
    ``BernoulliRBM.score_samples`` returns this scale too, estimated from one site; its issue 23179 is about that
    factor.)

    Parameters
    ----------
    rbm : RBM
        A model whose visible units have finitely many states.
    visible : Tensor, shape (cases, n)

    Returns
    -------
    Tensor, shape (cases,)

    Raises
    ------
    InputError
        When the visible units are real-valued.
    """
    states = _states_of_a_unit(rbm)
    sites = range(rbm.visible.size)
    every = (_log_conditional(rbm, visible, torch.full((len(visible),), site), states) for site in sites)
    return torch.stack(list(every)).sum(0)


def _states_of_a_unit(rbm: RBM) -> Tensor:
    states = rbm.visible.unit_states()
    if states is None:
        raise InputError(f"the pseudo-likelihood of {rbm.visible.family} visible units has no closed form")
    return states


def _log_conditional(rbm: RBM, visible: Tensor, site: Tensor, states: Tensor) -> Tensor:
    """log P(v_site | v_others) for one site of each example: (cases, n), (cases,) -> (cases,)."""
    cases = torch.arange(len(visible), device=visible.device)
    original = visible[cases, site]
    log_weights = torch.empty(len(visible), len(states), dtype=visible.dtype, device=visible.device)
    changed = visible.clone()
    for k, value in enumerate(states):
        changed[cases, site] = value
        log_weights[:, k] = -rbm.free_energy(changed)
    is_original = original[:, None] == states
    return torch.where(is_original, log_weights.log_softmax(-1), 0.0).sum(-1)
