"""The live log-likelihood at the end of training beside that of `harmonium evaluate`, on the same examples.

    python benchmarks/live.py [--runs 5] [--epochs 20]

Five runs of the default recipe on MNIST, of different sizes and seeds; log Z of the last record against the bracket of
annealing in both directions with 2,000 temperatures.
"""

from __future__ import annotations

import argparse

import torch

from harmonium.data import load
from harmonium.likelihood import base_of_states, log_partition
from harmonium.training import materials, recipe, start, train

SIZES = (100, 200, 300, 400, 500)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    arguments = parser.parse_args()
    for seed, hidden in enumerate(SIZES[: arguments.runs]):
        settings = recipe("best", hidden=hidden, epochs=arguments.epochs, seed=seed, patience=None)
        data = materials(load("mnist"), settings)
        state = start(settings, data)
        for record in train(state, data):
            last = record
        rbm = state.current.requires_grad_(False)
        generator = torch.Generator().manual_seed(seed)
        base = base_of_states(rbm, data.monitored_train)
        z = log_partition(rbm, "ais", base=base, examples=data.monitored_train, generator=generator)
        print(
            f"{hidden} hidden, seed {seed}: live log Z {last.log_partition:.2f} +- {last.log_partition_error:.2f}; "
            f"annealed {z.value:.2f} +- {z.standard_error:.2f}, between {z.lower:.2f} and {z.upper:.2f}; "
            f"live log-likelihood {last.log_likelihood:.2f} +- {last.log_likelihood_error:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
