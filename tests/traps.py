"""Models built so that annealing misses a mode; their log Z is exact, since few hidden units are enumerated."""

import math

import torch

from harmonium import RBM
from harmonium.likelihood import exact_log_partition
from harmonium.units import Bernoulli


def bernoulli_rbm(weights, visible_bias, hidden_bias):
    rbm = RBM(Bernoulli(weights.shape[0]), Bernoulli(weights.shape[1]), weights=weights.double())
    rbm.visible.bias.data, rbm.hidden.bias.data = visible_bias.double(), hidden_bias.double()
    return rbm


def with_a_switch(pull, mass, seed, spread):
    """Return a weakly coupled model whose first hidden unit, on with this probability, pulls the visible ones."""
    generator = torch.Generator().manual_seed(seed)
    n, m = len(pull), 7
    weights = spread * torch.randn(n, m, generator=generator)
    bias = spread * torch.randn(n, generator=generator)
    weights[:, 0] = pull
    rbm = bernoulli_rbm(weights, bias, torch.zeros(m))
    off = bernoulli_rbm(weights[:, 1:], bias, torch.zeros(m - 1))
    on = bernoulli_rbm(weights[:, 1:], bias + pull, torch.zeros(m - 1))
    log_odds = math.log(mass / (1 - mass))
    rbm.hidden.bias.data[0] = exact_log_partition(off) - exact_log_partition(on) + log_odds
    return rbm


def needle(mass=0.9, strength=6.0, n=24, seed=0):
    """One visible state holds `mass`, the rest is spread over the other 2^n - 1."""
    pattern = (torch.rand(n, generator=torch.Generator().manual_seed(seed)) < 0.5).float()
    return with_a_switch(strength * (2 * pattern - 1), mass, seed, 0.1)


def wide_and_narrow(mass=0.9, n=40, pinned=20, seed=0):
    """The narrow mode, where half of the units are pinned, holds `mass`; the wide one the rest."""
    pull = torch.zeros(n)
    pull[:pinned] = 8.0
    return with_a_switch(pull, mass, seed, 0.2)


def ferromagnet(coupling=1.0, field=0.1, n=40, m=14):
    """All units like to be alike: two modes, all off and all on, and a field that favours one."""
    return bernoulli_rbm(
        torch.full((n, m), coupling),
        torch.full((n,), -coupling * m / 2 + field),
        torch.full((m,), -coupling * n / 2),
    )


TRAPS = {
    "needle": needle(),
    "half a needle": needle(mass=0.5),
    "soft needle": needle(strength=3.0),
    "another needle": needle(n=30, seed=5),
    "wide and narrow": wide_and_narrow(),
    "wide and narrow alike": wide_and_narrow(mass=0.5, seed=3),
    "ferromagnet": ferromagnet(),
    "soft ferromagnet": ferromagnet(coupling=0.3),
    "hard ferromagnet, field down": ferromagnet(coupling=2.0, field=-0.05),
}
