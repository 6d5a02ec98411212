"""Small models for the tests: every pair of unit families, in float64."""

import itertools

import torch

from harmonium import RBM
from harmonium.units import FAMILIES, make_units

PAIRS = list(itertools.product(sorted(FAMILIES), repeat=2))


def small_rbm(visible="bernoulli", hidden="bernoulli", n=4, m=3, coupling=1.0, seed=0):
    """Return an RBM with random parameters, in float64."""
    generator = torch.Generator().manual_seed(seed)
    weights = coupling * torch.randn(n, m, generator=generator, dtype=torch.float64)
    rbm = RBM(make_units(visible, n), make_units(hidden, m), weights=weights).double()
    for layer in (rbm.visible, rbm.hidden):
        for parameter in layer.parameters():
            parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    if visible == hidden == "gaussian":
        _make_normalisable(rbm)
    return rbm


def _make_normalisable(rbm):
    """Scale the weights of a Gaussian pair so that exp(-E) has a finite integral: correlations of at most 0.8."""
    scale = torch.outer(rbm.visible.precision, rbm.hidden.precision).sqrt()
    rbm.weights.data *= 0.8 / torch.linalg.matrix_norm(rbm.weights / scale, 2).detach().clamp(min=0.8)


def random_states(units, cases, generator):
    """Return states (cases, n) that the units can take."""
    return units.sample(torch.zeros(cases, units.size, dtype=torch.float64), generator)


def brute_force_joint(rbm):
    """Return all (v, h) of a finite model and exp(-E(v, h)), by nothing but the definition and plain loops."""
    states = []
    for v in itertools.product((0.0, 1.0), repeat=rbm.visible.size):
        for h in itertools.product((0.0, 1.0), repeat=rbm.hidden.size):
            states.append((v, h))
    W, b, c = (p.tolist() for p in (rbm.weights, rbm.visible.bias, rbm.hidden.bias))
    factors = []
    for v, h in states:
        energy = -sum(x * y for x, y in zip(v, b, strict=True)) - sum(x * y for x, y in zip(h, c, strict=True))
        energy -= sum(v[i] * W[i][j] * h[j] for i in range(len(v)) for j in range(len(h)))
        factors.append(torch.tensor(-energy, dtype=torch.float64).exp().item())
    return states, torch.tensor(factors, dtype=torch.float64)
