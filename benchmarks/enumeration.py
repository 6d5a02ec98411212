"""Exact log Z of 20 hidden and 784 visible units: the time, and the difference from a plain sum in float64.

python benchmarks/enumeration.py
"""

import time

import torch

from harmonium import RBM
from harmonium.exact import layer_states
from harmonium.likelihood import exact_log_partition
from harmonium.units import Bernoulli

HIDDEN, VISIBLE, PIECE = 20, 784, 2**12


@torch.no_grad()
def plain_log_partition(rbm: RBM) -> float:
    """Sum exp(-F) over all hidden states, with the definition alone."""
    side, pieces = rbm.mirror(), []
    for start in range(0, 2**HIDDEN, PIECE):
        states = layer_states(side.visible, start, start + PIECE).double()
        pieces.append(torch.logsumexp(-side.free_energy(states), 0))
    return float(torch.stack(pieces).logsumexp(0))


def main() -> None:
    """Print seconds (five runs) and the relative difference."""
    generator = torch.Generator().manual_seed(0)
    weights = 0.3 * torch.randn(VISIBLE, HIDDEN, generator=generator).double()
    rbm = RBM(Bernoulli(VISIBLE), Bernoulli(HIDDEN), weights=weights)
    rbm.visible.bias.data = torch.randn(VISIBLE, generator=generator).double() - 2
    seconds = []
    for _ in range(5):
        clock = time.perf_counter()
        value = float(exact_log_partition(rbm))
        seconds.append(time.perf_counter() - clock)
    clock = time.perf_counter()
    plain = plain_log_partition(rbm)
    print(f"half-tables {min(seconds):.2f} to {max(seconds):.2f} s, plain sum {time.perf_counter() - clock:.1f} s")
    print(f"log Z = {value:.9f}, relative difference {abs(value / plain - 1):.1e}")


if __name__ == "__main__":
    main()
