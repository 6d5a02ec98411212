"""A brief estimate of log Z: few runs and temperatures, as training can afford while it goes on."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from harmonium.likelihood.annealed import equilibrated
from harmonium.likelihood.annealing import anneal, anneal_back
from harmonium.likelihood.bounds import bennett_error, bennett_ratio, lower_bound, upper_bound
from harmonium.likelihood.spacing import adaptive_spacing
from harmonium.rbm import RBM
from harmonium.sampling import GeometricPath, base_of_states

RUNS, SETTLING = 100, 100
"""Runs in each direction, and Gibbs sweeps between the two."""

SHARE_OF_BRACKET = 1 / 8
"""The part of the bracket's width that counts as error: so few runs do not see all of their own."""

PRICE = 4
"""What a product costs here, where one of training costs 1: it is one of float32 and of few cases, and each comes with
a free energy. Measured: from 2.5 to 6, the more the faster the processor multiplies numbers of 16 bits."""


@torch.no_grad()
def brief_log_partition(
    rbm: RBM, examples: Tensor, generator: torch.Generator, temperatures: int = 300
) -> tuple[float, float]:
    """Return log Z by annealing in both directions, and its standard error, in nats.

    The same as `annealed_log_partition` without its checks: adaptive temperatures from a base that has the moments of
    data on both layers, backward runs from the ends of the forward ones, and Bennett's ratio of both. It owes nothing
    to the chains of training, whose very lag learning would mistake for likelihood.

    Parameters
    ----------
    rbm : RBM
        The model.
    examples : Tensor, shape (cases, n)
        Data.
    generator : torch.Generator
    temperatures : int
        How many models the path has.
    """
    path = GeometricPath(rbm, base_of_states(rbm, examples))
    betas = adaptive_spacing(path, temperatures, generator, pilot_runs=32)
    forward = anneal(path, betas, RUNS, generator)
    starts, ancestors = equilibrated(path.rbm, forward, SETTLING, generator)
    backward = anneal_back(path, betas, starts, generator)
    ups, downs = forward.log_weights.cpu().numpy(), backward.log_weights.cpu().numpy()
    error = bennett_error(ups, downs, ancestors.cpu().numpy(), resamples=50)
    width = upper_bound(downs) - lower_bound(ups)
    return path.base_log_partition() + bennett_ratio(ups, downs), math.hypot(error, SHARE_OF_BRACKET * width)


def cost(temperatures: int) -> int:
    """Return about how many products of a case with the weights so many temperatures take, counted as training's.

    One of annealing is worth `PRICE` of them.
    """
    return PRICE * (RUNS * (4 * temperatures + 2 * SETTLING) + 32 * 2 * 50)
