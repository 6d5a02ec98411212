"""Every method on bars-and-stripes 3x3 with 9 hidden units: exact log-likelihood, ten seeds.

    python benchmarks/bars.py [--methods exact pcd ...] [--seeds 10]

The 14 images are equally likely, so that no model can exceed -log 14 = -2.639 nats.
"""

from __future__ import annotations

import argparse
import math
import time

import torch

from harmonium.data import load
from harmonium.likelihood import exact_log_probability
from harmonium.training import materials, recipe, start, train

SETTINGS = {
    "hidden": 9,
    "batch_size": 14,
    "epochs": 20_000,
    "learning_rate": 0.3,
    "weight_decay": 0.0,
    "patience": None,
    "chains": 200,
    "likelihood_share": 0.0,
}


def log_likelihood(method: str, seed: int) -> float:
    """Train one model and enumerate its log-likelihood, in nats an image."""
    settings = recipe("best", **SETTINGS, method=method, seed=seed)
    data = materials(load("bars-and-stripes:3x3"), settings, validation=0)
    state = start(settings, data)
    for _ in train(state, data):
        pass
    return float(exact_log_probability(state.model.double(), data.train.first(14).double()).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="*", default=["exact", "cd", "pcd", "pt", "ptt"])
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # nothing here is large enough for two
    best = -math.log(14)
    print(f"the optimum: {best:.3f} nats")
    for method in arguments.methods:
        clock = time.perf_counter()
        found = [log_likelihood(method, seed) for seed in range(arguments.seeds)]
        near = sum(value > best - 0.05 for value in found)
        print(
            f"{method}: {near} of {len(found)} seeds within 0.05; worst {min(found):.3f}, "
            f"{(time.perf_counter() - clock) / len(found):.0f} s a seed",
            flush=True,
        )


if __name__ == "__main__":
    main()
