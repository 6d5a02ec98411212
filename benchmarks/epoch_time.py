"""Seconds per epoch of CD-1 and PCD-1 at 784x500, batch 100, beside scikit-learn's BernoulliRBM.

    python benchmarks/epoch_time.py [--rounds 5] [--json results.json]

Each measurement is a process of its own, and the contestants take turns, so that two thread pools never share a
process and a slow minute of the machine hits all alike. Each process trains one epoch to warm up and times the next.
The data are the training digits of MNIST, binarised once at one half, float32 in memory, for everybody; without MNIST,
random binary vectors with the same share of ones.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

CONTESTANTS = ("harmonium cd-1", "harmonium pcd-1", "scikit-learn pcd-1")
HIDDEN, BATCH_SIZE = 500, 100


def binary_digits():
    """Return binary data (60000, 784) as a float32 array, and what they are."""
    import numpy as np

    from harmonium.data import load
    from harmonium.errors import InputError

    if os.environ.get("HARMONIUM_DATA"):
        try:
            images = load("mnist").train.values.numpy()
            return (images > 127).astype(np.float32), "MNIST, binarised at one half"
        except InputError:
            pass
    generator = np.random.default_rng(0)
    return (generator.random((60_000, 784), np.float32) < 0.13).astype(np.float32), "random, 13 % ones"


def seconds_of_harmonium(method: str) -> float:
    """Time the second epoch of our loop."""
    import torch

    from harmonium.data import Cases, Dataset
    from harmonium.training import Settings, materials, start, train

    values, _ = binary_digits()
    settings = Settings(hidden=HIDDEN, method=method, batch_size=BATCH_SIZE, chains=BATCH_SIZE, epochs=2)
    data = materials(Dataset("digits", Cases(torch.from_numpy(values))), settings, validation=0)
    first, second = (record.seconds for record in train(start(settings, data), data))
    return second - first


def seconds_of_sklearn() -> float:
    """Time the second epoch of scikit-learn's class, which is PCD-1 with as many chains as a batch has examples."""
    from sklearn.neural_network import BernoulliRBM

    values, _ = binary_digits()
    rbm = BernoulliRBM(HIDDEN, batch_size=BATCH_SIZE, n_iter=1, learning_rate=0.01, random_state=0)
    rbm.fit(values)
    clock = time.perf_counter()
    rbm.fit(values)
    return time.perf_counter() - clock


def measure(contestant: str) -> float:
    """Return the seconds of one contestant, in this process."""
    if contestant.startswith("scikit-learn"):
        return seconds_of_sklearn()
    return seconds_of_harmonium(contestant.split()[1].split("-", maxsplit=1)[0])


def measure_in_a_process(contestant: str) -> float:
    """Return the seconds of one contestant, measured in a new process."""
    # BLAS is to choose its kernels for this processor by itself.
    environment = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    command = [sys.executable, __file__, "--measure", contestant]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/epoch_time.json"))
    parser.add_argument("--measure", choices=CONTESTANTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(measure(arguments.measure))
        return
    seconds: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for _ in range(arguments.rounds):
        for name in CONTESTANTS:
            seconds[name].append(measure_in_a_process(name))
    report(seconds, arguments.json)


def report(seconds: dict[str, list[float]], path: Path) -> None:
    """Print the table and write the figures."""
    import torch
    from rich.console import Console
    from rich.table import Table

    medians = {name: statistics.median(values) for name, values in seconds.items()}
    peer = medians["scikit-learn pcd-1"]
    _, data = binary_digits()
    machine = f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"
    title = f"Seconds per epoch, 784x{HIDDEN}, batch {BATCH_SIZE}, {data}"
    table = Table(title=title, caption=f"{machine}, {date.today()}")
    for heading in ("", "median", "fastest", "slowest", "times scikit-learn's speed"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, values in seconds.items():
        cells = (medians[name], min(values), max(values), peer / medians[name])
        table.add_row(name, *(f"{cell:.2f}" for cell in cells))
    Console().print(table)
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {"machine": machine, "date": str(date.today()), "data": data, "seconds": seconds, "medians": medians}
    path.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
