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
    states = rbm.visible.unit_states()
    if states is None:
        raise InputError(f"the pseudo-likelihood of {rbm.visible.family} visible units has no closed form")
    cases = torch.arange(len(visible), device=visible.device)
    site = torch.randint(rbm.visible.size, (len(visible),), generator=generator, device=visible.device)
    original = visible[cases, site]
    log_weights = torch.empty(len(visible), len(states), dtype=visible.dtype, device=visible.device)
    changed = visible.clone()
    for k, value in enumerate(states):
        changed[cases, site] = value
        log_weights[:, k] = -rbm.free_energy(changed)
    is_original = original[:, None] == states
    log_probability = torch.where(is_original, log_weights.log_softmax(-1), 0.0).sum(-1)
    return rbm.visible.size * log_probability
