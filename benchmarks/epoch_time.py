"""Seconds per epoch of CD and PCD at 784x500, beside scikit-learn's BernoulliRBM, rbms and an eager PyTorch loop.

    python benchmarks/epoch_time.py [--rounds 5] [--only pcd-1] [--json results.json]

Each measurement is a process of its own, and the contestants take turns, so that two thread pools never share a
process and a slow minute of the machine hits all alike. Each process trains one pass to warm up and times the next.
The data are 20,000 training digits of MNIST, binarised once at one half, float32 in memory, for everybody; without
MNIST, random binary vectors with the same share of ones. Figures are scaled to the 60,000 of an epoch.

The machine's own rate of dense products in the same shapes comes first, and each figure is also given as the share of
it that the dense products of the method alone would take (k + 1 products up, k down and 2 of the gradient): above 100 %
is faster than dense products can be.
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

VISIBLE, HIDDEN, EXAMPLES, EPOCH = 784, 500, 20_000, 60_000
CONTESTANTS = (
    "products float32 100",
    "products float32 500",
    "products bfloat16 500",
    "harmonium cd-1 100",
    "harmonium pcd-1 100",
    "harmonium cd-1 500",
    "harmonium pcd-1 500",
    "harmonium.sklearn pcd-1 100",
    "harmonium.sklearn pcd-1 500",
    "harmonium cd-10 100",
    "harmonium cd-10 500",
    "eager-pytorch cd-1 100",
    "eager-pytorch cd-1 500",
    "eager-pytorch cd-10 100",
    "scikit-learn pcd-1 100",
    "scikit-learn pcd-1 500",
    "rbms pcd-1 100",
    "rbms pcd-1 500",
)


def binary_digits():
    """Return binary data (EXAMPLES, 784) as a float32 array, and what they are."""
    import numpy as np

    from harmonium.data import load
    from harmonium.errors import InputError

    if os.environ.get("HARMONIUM_DATA"):
        try:
            images = load("mnist").train.values[:EXAMPLES].numpy()
            return (images > 127).astype(np.float32), "MNIST, binarised at one half"
        except InputError:
            pass
    generator = np.random.default_rng(0)
    return (generator.random((EXAMPLES, VISIBLE), np.float32) < 0.13).astype(np.float32), "random, 13 % ones"


def rate_of_products(kind: str, batch: int) -> float:
    """Return 10^12 operations a second of dense products of a batch with the weights."""
    import torch

    states = (torch.rand(batch, VISIBLE) < 0.13).to(getattr(torch, kind))
    weights = torch.randn(VISIBLE, HIDDEN).to(states.dtype)
    times = []
    for _ in range(300):
        clock = time.perf_counter()
        states @ weights
        times.append(time.perf_counter() - clock)
    return 2 * batch * VISIBLE * HIDDEN / statistics.median(times) / 1e12


def seconds_of_harmonium(method: str, steps: int, batch: int) -> float:
    """Time the second pass of our loop."""
    import torch

    from harmonium.data import Cases, Dataset
    from harmonium.training import Settings, materials, start, train

    values, _ = binary_digits()
    settings = Settings(hidden=HIDDEN, method=method, steps=steps, batch_size=batch, chains=batch, epochs=2)
    data = materials(Dataset("digits", Cases(torch.from_numpy(values))), settings, validation=0)
    first, second = (record.seconds for record in train(start(settings, data), data))
    return second - first


def seconds_of_eager_pytorch(steps: int, batch: int) -> float:
    """Time the second pass of the loop that one writes in an afternoon: CD-k with torch.bernoulli."""
    import torch

    values = torch.from_numpy(binary_digits()[0])
    weights, visible, hidden = 0.01 * torch.randn(VISIBLE, HIDDEN), torch.zeros(VISIBLE), torch.zeros(HIDDEN)
    for _ in range(2):
        clock = time.perf_counter()
        for v in values[torch.randperm(len(values))].split(batch):
            up = torch.sigmoid(v @ weights + hidden)
            mean = up
            for _ in range(steps):
                model = torch.bernoulli(torch.sigmoid(torch.bernoulli(mean) @ weights.T + visible))
                mean = torch.sigmoid(model @ weights + hidden)
            weights += 0.01 * (v.T @ up - model.T @ mean) / len(v)
            visible += 0.01 * (v - model).mean(0)
            hidden += 0.01 * (up - mean).mean(0)
    return time.perf_counter() - clock


def seconds_of_sklearn(package: str, batch: int) -> float:
    """Time a second fit of scikit-learn's class, or ours: PCD-1 with as many chains as a batch has examples."""
    import importlib

    BernoulliRBM = importlib.import_module(package).BernoulliRBM
    values, _ = binary_digits()
    rbm = BernoulliRBM(HIDDEN, batch_size=batch, n_iter=1, learning_rate=0.01, random_state=0)
    rbm.fit(values)
    clock = time.perf_counter()
    rbm.fit(values)
    return time.perf_counter() - clock


def seconds_of_rbms(batch: int) -> float:
    """Time the second pass of the low-level functions of rbms, in its own loop less the file that it rewrites."""
    import torch
    from rbms.bernoulli_bernoulli.classes import BBRBM
    from rbms.training.pcd import fit_batch_pcd

    values, weights = torch.from_numpy(binary_digits()[0]), torch.ones(batch)
    rbm = BBRBM(1e-4 * torch.randn(VISIBLE, HIDDEN), torch.zeros(VISIBLE), torch.zeros(HIDDEN))
    for parameter in rbm.parameters():
        parameter.grad = torch.zeros_like(parameter)
    chains, optimizer = rbm.init_chains(batch), torch.optim.SGD(rbm.parameters(), lr=0.01, maximize=True)
    with torch.no_grad():
        for _ in range(2):
            clock = time.perf_counter()
            for _ in range(len(values) // batch):
                chosen = torch.randperm(len(values))[:batch]
                optimizer.zero_grad(set_to_none=False)
                chains, _ = fit_batch_pcd((values[chosen], weights), chains, rbm, 1, 1.0, centered=False)
                optimizer.step()
    return time.perf_counter() - clock


def measure(contestant: str) -> float:
    """Return the seconds per epoch of one contestant, in this process, or the rate of products."""
    name, what, batch = contestant.split()
    if name == "products":
        return rate_of_products(what, int(batch))
    method, steps = what.split("-")
    if name in ("scikit-learn", "harmonium.sklearn"):
        package = "sklearn.neural_network" if name == "scikit-learn" else name
        seconds = seconds_of_sklearn(package, int(batch))
    elif name == "rbms":
        seconds = seconds_of_rbms(int(batch))
    elif name == "eager-pytorch":
        seconds = seconds_of_eager_pytorch(int(steps), int(batch))
    else:
        seconds = seconds_of_harmonium(method, int(steps), int(batch))
    return seconds * EPOCH / EXAMPLES


def measure_in_a_process(contestant: str) -> float:
    """Return the figure of one contestant, measured in a new process."""
    # BLAS is to choose its kernels for this processor by itself.
    environment = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    command = [sys.executable, __file__, "--measure", contestant]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/epoch_time.json"))
    parser.add_argument("--only", nargs="+", default=[""], help="contestants in whose names one of these occurs")
    parser.add_argument("--measure", choices=CONTESTANTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(measure(arguments.measure))
        return
    chosen = [name for name in CONTESTANTS if "products" in name or any(word in name for word in arguments.only)]
    found: dict[str, list[float]] = {name: [] for name in chosen}
    for _ in range(arguments.rounds):
        for name in chosen:
            found[name].append(measure_in_a_process(name))
    report(found, arguments.json)


def dense_seconds(what: str, rate: float) -> float:
    """Return how long the dense products of an epoch alone take at a rate."""
    steps = int(what.split("-")[1])
    return (2 * steps + 3) * 2 * VISIBLE * HIDDEN * EPOCH / (rate * 1e12)


def report(found: dict[str, list[float]], path: Path) -> None:
    """Print the table and write the figures."""
    import torch
    from rich.console import Console
    from rich.table import Table

    medians = {name: statistics.median(values) for name, values in found.items()}
    _, data = binary_digits()
    machine = f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"
    console = Console(width=110)
    rates = [name for name in found if name.startswith("products")]
    console.print(*(f"{name}: {medians[name]:.2f} TFLOP/s" for name in rates), sep="\n")
    table = Table(title=f"Seconds per epoch, {VISIBLE}x{HIDDEN}, {data}", caption=f"{machine}, {date.today()}")
    for heading in ("", "median", "fastest", "slowest", "x scikit-learn", "x eager", "x rbms", "of dense float32"):
        table.add_column(heading, justify="right" if heading else "left")
    for name in list(found)[len(rates) :]:
        _, what, batch = name.split()
        roofline = dense_seconds(what, medians[f"products float32 {batch}"])
        cells = [f"{value:.2f}" for value in (medians[name], min(found[name]), max(found[name]))]
        for peer in ("scikit-learn pcd", "eager-pytorch cd", "rbms pcd"):
            seconds = medians.get(f"{peer}-{what.split('-')[1]} {batch}")
            cells.append("" if seconds is None else f"{seconds / medians[name]:.1f}")
        table.add_row(name, *cells, f"{roofline / medians[name]:.0%}")
    console.print(table)
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {"machine": machine, "date": str(date.today()), "data": data, "found": found, "medians": medians}
    path.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
