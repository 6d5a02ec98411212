"""How probable data are under a stack: the variational bound, and an estimate that goes beyond it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from harmonium.deep.dbn import DBN
from harmonium.deep.labels import free_energy_without_labels
from harmonium.units import Units

PIECE = 1000
"""Examples that go up at a time."""


def log_conditional(units: Units, states: Tensor, field: Tensor) -> Tensor:
    """log P(x | field) = -E(x) + field . x - Gamma(field), in nats: (..., n), (..., n) -> (...)."""
    return -units.energy(states) + (field * states).sum(-1) - units.log_partition(field)


@torch.no_grad()
def log_weights(dbn: DBN, visible: Tensor, generator: torch.Generator) -> Tensor:
    r"""Sample x_1, ... given v from Q and return log P*(v, x_1, ..., x_{L-1}) - log Q(x_1, ..., x_{L-1} | v).

        log P* = sum_k log P(x_k | x_{k+1}) - F_top(x_{L-1}),   without the log Z of the top RBM

    Its mean over Q is the variational bound, the logarithm of the mean of its exponential log P(v), up to log Z.

    Parameters
    ----------
    dbn : DBN
    visible : Tensor, shape (cases, n)
        Binary, or real where the units are.
    generator : torch.Generator

    Returns
    -------
    Tensor, shape (cases,), float64
        In nats.

    Notes
    -----
    Source: Salakhutdinov & Murray 2008, section 5, equations 22 and 23.
    """
    states = dbn.ascend(visible, generator)
    weights = -free_energy_without_labels(dbn.top, states[-1]).double()
    for below, above, down, up in zip(states, states[1:], dbn.layers, dbn.recognition, strict=False):
        weights += log_conditional(down.visible, below, down.visible_field(above)).double()
        weights -= log_conditional(up.hidden, above, up.hidden_field(below)).double()
    return weights


def bound_and_estimate(
    dbn: DBN, visible: Tensor, generator: torch.Generator, samples: int = 20
) -> tuple[Tensor, Tensor]:
    r"""Return for each example the variational bound and an estimate of log P(v), both without log Z of the top.

        bound    = E_Q[ log P*(v, x) - log Q(x | v) ]                       <= log P(v) + log Z
        estimate = log 1/S sum_s P*(v, x_s) / Q(x_s | v),   x_s from Q      its expectation between the two

    With one layer both are -F(v), exactly.

    Parameters
    ----------
    dbn : DBN
    visible : Tensor, shape (cases, n)
    generator : torch.Generator
    samples : int
        Samples S from Q of each example.

    Returns
    -------
    bound, estimate : Tensor, shape (cases,), float64
        In nats.

    Notes
    -----
    Sources: Salakhutdinov & Murray 2008, section 5; that the estimate rises with S towards log P(v), Burda, Grosse &
    Salakhutdinov 2016, theorem 1.
    """
    pieces = []
    for piece in visible.split(PIECE):
        pieces.append(torch.stack([log_weights(dbn, piece, generator) for _ in range(samples)]))
    weights = torch.cat(pieces, 1)
    return weights.mean(0), torch.logsumexp(weights, 0) - math.log(samples)
