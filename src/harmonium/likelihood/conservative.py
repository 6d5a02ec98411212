"""A log-likelihood that errs downwards, example by example: that of the annealing process, taken as the model."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.errors import InputError
from harmonium.likelihood.annealing import Progress, anneal_back
from harmonium.likelihood.spacing import adaptive_spacing
from harmonium.rbm import RBM
from harmonium.sampling import GeometricPath


@torch.no_grad()
def conservative_log_probability(
    rbm: RBM,
    visible: Tensor,
    generator: torch.Generator,
    *,
    base: RBM | None = None,
    runs: int = 1,
    temperatures: int = 2000,
    progress: Progress | None = None,
) -> Tensor:
    r"""Estimate a conservative log-likelihood of each example: reverse annealing from the example (RAISE).

    Annealing forward from the base, with its finite number of temperatures, ends at states with a distribution P_ann of
    their own. It is a normalised model that tends to P as the temperatures grow, and runs backward from an example v,
    with log-weights x as in `anneal_back`, estimate it without bias:

        E[ exp( -F(v) - log Z_base - x ) ] = P_ann(v)

    The log of the mean over the runs of an example is returned. What holds: by Jensen's inequality its expectation is
    at most log P_ann(v), for every example and any number of temperatures, and P(estimate > log P_ann(v) + b) <=
    exp(-b) by Markov's: an honest bound for something that could be sold instead of the model, sampler included. What
    does not hold: log P_ann(v) can exceed log P(v) for some v. It does so on average over the data only if what
    annealing samples is nearer to them than the model itself, for example because it never finds a mode of the model's
    that has nothing to do with the data.

    Parameters
    ----------
    rbm : RBM
        The model.
    visible : Tensor, shape (cases, n)
        The examples.
    generator : torch.Generator
    base : RBM, optional
        As for `annealed_log_partition`; by default the model without its weights.
    runs : int
        Backward runs an example, at least 1: more make the bound tighter.
    temperatures : int
        Models on the path, both ends included.
    progress : callable, optional
        Called after every temperature.

    Returns
    -------
    Tensor, shape (cases,), float64
        In nats.

    Raises
    ------
    InputError
        When a parameter is not finite, the base does not fit, a number is too small or there is no example.

    Notes
    -----
    Source: Burda, Grosse & Salakhutdinov 2015, "Accurate and conservative estimates of MRF log-likelihood using reverse
    annealing", section 4. There T_k is written out over v and h; a Gibbs sweep seen on v alone is reversible, and the
    ratio of its two directions leaves the weights of backward annealing.
    """
    if len(visible) == 0:
        raise InputError("there is no example to evaluate: give at least one")
    if runs < 1:
        raise InputError(f"runs is {runs}, but every example needs at least 1")
    path = GeometricPath(rbm, base)
    betas = adaptive_spacing(path, temperatures, generator)
    visible = visible.to(rbm.weights)
    backward = anneal_back(path, betas, visible.repeat(runs, 1), generator, progress)
    score = -rbm.free_energy(visible).double() - path.base_log_partition()
    return score + torch.logsumexp(-backward.log_weights.view(runs, -1), 0) - torch.tensor(runs).double().log()
