"""Models built so that annealing misses a mode; their log Z is exact, since few hidden units are enumerated."""

import math

import torch

from harmonium import RBM
from harmonium.exact import layer_states
from harmonium.likelihood import exact_log_partition
from harmonium.units import Bernoulli, Gaussian


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


def joint_odds(rbm, wanted):
    """Return the probability of the hidden states that are wanted, and all hidden states."""
    states = layer_states(rbm.hidden).double()
    return torch.softmax(-rbm.mirror().free_energy(states), 0)[wanted(states)].sum(), states


def with_hidden_bias(rbm, units, wanted, mass):
    """Lower the bias of some hidden units until the wanted hidden states hold `mass`, by bisection."""
    low, high = -300.0, 5.0
    for _ in range(60):
        rbm.hidden.bias.data[units] = (low + high) / 2
        below = joint_odds(rbm, wanted)[0] < mass
        low, high = ((low + high) / 2, high) if below else (low, (low + high) / 2)
    return rbm


def patterns(n, m, seed):
    generator = torch.Generator().manual_seed(seed)
    return 2 * (torch.rand(n, m, generator=generator) < 0.5).float() - 1


def all_together(units=6, n=40, m=12, mass=0.9, seed=0):
    """A needle that opens only when several hidden units are on at once."""
    weights = 0.1 * torch.randn(n, m, generator=torch.Generator().manual_seed(seed))
    weights[:, :units] += 1.5 * patterns(n, 1, seed + 1)
    rbm = bernoulli_rbm(weights, torch.zeros(n), torch.zeros(m))
    return with_hidden_bias(rbm, slice(units), lambda h: h[:, :units].sum(1) >= units - 1, mass)


def many_needles(n=30, m=14, mass=0.9, seed=0):
    """Every hidden unit has a needle of its own."""
    rbm = bernoulli_rbm(5 * patterns(n, m, seed), torch.zeros(n), torch.zeros(m))
    return with_hidden_bias(rbm, slice(None), lambda h: h.sum(1) > 0, mass)


def memories(n=60, m=6, strength=2.0, seed=0):
    """Hopfield's patterns, some stronger than others."""
    weights = strength * patterns(n, m, seed) * torch.linspace(0.5, 1.5, m)
    return bernoulli_rbm(weights, -weights.sum(1) / 2, -weights.sum(0) / 2)


def glass(n=30, m=14, coupling=6.0, seed=0):
    """Strong random couplings."""
    weights = coupling * torch.randn(n, m, generator=torch.Generator().manual_seed(seed))
    return bernoulli_rbm(weights, -weights.sum(1) / 2, -weights.sum(0) / 2)


def far_apart(n=10, m=5, distance=5.0, mass=0.99, seed=0):
    """Real-valued visible units with two modes; the one farther from the origin holds `mass`."""
    weights = 0.2 * torch.randn(n, m, generator=torch.Generator().manual_seed(seed))
    weights[:, 0] = distance
    rbm = RBM(Gaussian(n), Bernoulli(m), weights=weights.double())
    return with_hidden_bias(rbm, slice(1), lambda h: h[:, 0] == 1, mass)


TRAPS = {
    "needle": needle(),
    "half a needle": needle(mass=0.5),
    "soft needle": needle(strength=3.0),
    "another needle": needle(n=30, seed=5),
    "wide and narrow": wide_and_narrow(),
    "wide and narrow alike": wide_and_narrow(mass=0.5, seed=3),
    "ferromagnet": ferromagnet(),
    "soft ferromagnet": ferromagnet(coupling=0.3),
    "faint needle": needle(mass=0.05),
    "all together": all_together(),
    "many needles": many_needles(),
    "memories": memories(),
    "strong memories": memories(strength=5.0),
    "glass": glass(),
    "far apart": far_apart(),
    "large ferromagnet": ferromagnet(coupling=0.5, n=200, m=16),
    "hard ferromagnet, field down": ferromagnet(coupling=2.0, field=-0.05),
}
