"""How the bracket closes as temperatures grow, on a model whose log Z is known exactly.

    python benchmarks/bracket.py [--out docs/images/bracket.png]

An RBM of 16 hidden units is trained on scikit-learn's digits with seed 0, its log Z enumerated, and then estimated with
more and more temperatures (100 runs, seed 0).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
from matplotlib.figure import Figure

from harmonium.likelihood import LogPartition, base_of_states, exact_log_partition, log_partition
from harmonium.training import Settings, start_run

TEMPERATURES = (5, 10, 20, 50, 100, 200, 500, 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/images/bracket.png"))
    arguments = parser.parse_args()
    settings = Settings(hidden=16, method="pcd", epochs=200, learning_rate=0.05, schedule="linear", seed=0)
    with tempfile.TemporaryDirectory() as folder:
        run, state, data = start_run(Path(folder) / "run", "digits", settings)
        for _ in run.train(state, data):
            pass
    rbm, exact = state.rbm, exact_log_partition(state.rbm).item()
    base = base_of_states(rbm, data.monitored_train)
    print(f"exact log Z {exact:.3f}")
    found = []
    for temperatures in TEMPERATURES:
        generator = torch.Generator().manual_seed(0)
        z = log_partition(rbm, "ais", base=base, generator=generator, runs=100, temperatures=temperatures)
        found.append(z)
        print(
            f"{temperatures:5d} temperatures: {z.value - exact:+.3f}  [{z.lower - exact:+.3f}, {z.upper - exact:+.3f}]"
        )
    draw(found, exact, arguments.out)


def draw(found: list[LogPartition], exact: float, path: Path) -> None:
    """Draw value and bracket, relative to the exact value, against the number of temperatures."""
    figure = Figure(figsize=(7, 3.6), layout="constrained", dpi=110)
    axes = figure.subplots()
    axes.fill_between(
        TEMPERATURES, [z.lower - exact for z in found], [z.upper - exact for z in found], color="#3b6ea5", alpha=0.25
    )
    axes.plot(TEMPERATURES, [z.value - exact for z in found], color="#3b6ea5", marker=".", label="estimate and bracket")
    axes.axhline(0, color="#d98a29", label="exact, by enumeration")
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=0.1)
    axes.set_xlabel("temperatures")
    axes.set_ylabel("log Z, nats from the exact value")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path)


if __name__ == "__main__":
    main()
