"""Is sampling from weights rounded to 16 bits harmless? Exact log-likelihoods after equal training, ten seeds.

    python benchmarks/precision.py [--seeds 10] [--gradient centered]

RBMs of 20 hidden units learn the 5,000 digits of mnist5k (PCD-1, 15 epochs), once in float32 and once with samplers
that see rounded weights; log Z is enumerated. Everything else, the seed included, is the same.
"""

from __future__ import annotations

import argparse
import statistics

import torch

from harmonium.data import load
from harmonium.gradients.centering import COORDINATES
from harmonium.likelihood import exact_log_partition
from harmonium.training import Settings, materials, start, train


def log_likelihood(precision: str, seed: int, gradient: str) -> float:
    """Return the exact mean log-likelihood of 1,000 training examples after training, in nats."""
    settings = Settings(
        hidden=20,
        method="pcd",
        epochs=15,
        learning_rate=0.05,
        schedule="linear",
        gradient=gradient,
        precision=precision,
        seed=seed,
    )
    data = materials(load("mnist5k"), settings, validation=0)
    state = start(settings, data)
    for _ in train(state, data):
        pass
    with torch.no_grad():
        score = -state.rbm.free_energy(data.monitored_train).double().mean() - exact_log_partition(state.rbm)
    return float(score)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--gradient", choices=COORDINATES, default="plain")
    arguments = parser.parse_args()
    pairs = [
        (log_likelihood("float32", seed, arguments.gradient), log_likelihood("mixed", seed, arguments.gradient))
        for seed in range(arguments.seeds)
    ]
    for seed, (single, mixed) in enumerate(pairs):
        print(f"seed {seed}: float32 {single:.2f}, mixed {mixed:.2f}, difference {mixed - single:+.2f} nats")
    differences = [mixed - single for single, mixed in pairs]
    spread = statistics.stdev(single for single, _ in pairs)
    error = statistics.stdev(differences) / len(pairs) ** 0.5
    print(f"difference {statistics.mean(differences):+.3f} +- {error:.3f}; spread between seeds {spread:.3f} nats")


if __name__ == "__main__":
    main()
