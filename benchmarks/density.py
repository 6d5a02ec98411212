"""The default recipe on binary density sets: exact log-likelihood of models of 23 hidden units.

    python benchmarks/density.py FOLDER [mushrooms dna ...] [--seeds 3] [--set learning_rate=0.1 ...] [--validation]

FOLDER holds .npz files with arrays train, valid and test of 0 and 1, (cases, n), or packed along axis 1 with the
scalar n_visible. Nothing is chosen by hand: the recipe trains on `train`, keeps the model that its own estimate finds
best on `valid`, and the test log-likelihood is enumerated over all 2^23 hidden states, once. With --validation the test
cases are left alone, and `valid` is enumerated: what choices are made by.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from harmonium.data import Cases, Dataset
from harmonium.likelihood import exact_log_partition
from harmonium.training import materials, recipe, start, train

PUBLISHED = {"mushrooms": -15.15, "dna": -96.74, "nltcs": None, "plants": None, "baudio": None}
"""RBM rows of Larochelle & Murray 2011, "The neural autoregressive distribution estimator", table 1."""


def bits_of(stored: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return train, valid and test as 0 and 1, (cases, n); they may be packed, eight columns a byte."""
    parts = {name: stored[name] for name in ("train", "valid", "test")}
    if "n_visible" in stored:
        parts = {name: np.unpackbits(part, axis=1, count=int(stored["n_visible"])) for name, part in parts.items()}
    return {name: part.astype(np.uint8) for name, part in parts.items()}


def trained(
    values: dict[str, np.ndarray], settings: dict[str, object], name: str
) -> tuple[torch.nn.Module, float, int]:
    """Train the recipe; return the model that it keeps, the seconds it took, and the epochs."""
    settings = recipe(name, **settings)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "valid.npy"
        np.save(path, values["valid"])
        dataset = Dataset("density", Cases(torch.from_numpy(values["train"])))
        data = materials(dataset, settings, validation=str(path))
    state, clock = start(settings, data), time.perf_counter()
    for _ in train(state, data):
        pass
    return state.model, time.perf_counter() - clock, state.epochs_done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=list(PUBLISHED))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--recipe", default="best")
    parser.add_argument("--set", nargs="*", default=[], help="settings in place of the recipe's own, name=value")
    parser.add_argument("--validation", action="store_true")
    arguments = parser.parse_args()
    given = {name: eval(value) for name, value in (pair.split("=") for pair in arguments.set)}
    which = "valid" if arguments.validation else "test"
    for name in arguments.names:
        found, seconds, epochs = [], [], []
        values = bits_of(np.load(arguments.folder / f"{name}.npz"))
        for seed in range(arguments.seeds):
            rbm, took, done = trained(values, {"hidden": 23, "seed": seed, **given}, arguments.recipe)
            with torch.no_grad():
                energy = rbm.free_energy(torch.from_numpy(values[which]).float()).double().mean()
                found.append(-float(energy) - float(exact_log_partition(rbm)))
            seconds.append(took)
            epochs.append(done)
        listed = ", ".join(f"{value:.2f}" for value in found)
        print(
            f"{name}, {which}: {statistics.mean(found):.2f} nats (seeds: {listed}); published {PUBLISHED.get(name)}; "
            f"{statistics.mean(seconds):.0f} s, {epochs} epochs",
            flush=True,
        )


if __name__ == "__main__":
    main()
