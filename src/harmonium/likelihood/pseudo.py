"""Pseudo-log-likelihood: each visible unit given all others, which needs no Z."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.likelihood.conditionals import log_conditional
from harmonium.rbm import RBM


@torch.no_grad()
def pseudo_log_likelihood(rbm: RBM, visible: Tensor, generator: torch.Generator | None = None) -> Tensor:
    r"""Estimate the pseudo-log-likelihood of each example from one visible unit drawn at random.

        PL(v) = sum_i log P(v_i | v_others),    P(v_i = x | v_others) proportional to exp(-F(v with v_i = x))

    For each example one site i is drawn uniformly, and n log P(v_i | v_others) is returned: an unbiased estimate of the
    sum over all n sites, per example, in nats.

    Parameters
    ----------
    rbm : RBM
        The model. For real-valued visible units P is a density, and the sum over x an integral, taken numerically.
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
        When both layers are real-valued and their couplings so strong that the model has no distribution.

    Notes
    -----
    Source: Besag 1975; as a progress measure of RBMs, Marlin, Swersky, Chen & de Freitas 2010.
    """
    site = torch.randint(rbm.visible.size, (len(visible),), generator=generator, device=visible.device)
    return rbm.visible.size * log_conditional(rbm, visible, site)


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
        The model.
    visible : Tensor, shape (cases, n)

    Returns
    -------
    Tensor, shape (cases,)

    Raises
    ------
    InputError
        As `pseudo_log_likelihood`.
    """
    sites = torch.arange(rbm.visible.size, device=visible.device)
    return torch.stack([log_conditional(rbm, visible, site.expand(len(visible))) for site in sites]).sum(0)
