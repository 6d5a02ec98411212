"""What each method and each kind of gradient is worth: the same number of updates on MNIST, exact log-likelihoods.

    python benchmarks/methods.py [--epochs 20] [--out docs/images/methods.png]

RBMs of 20 hidden units, so that the validation log-likelihood is enumerated after every few epochs. One run for each of
plain and centred gradients with CD-1, CD-10, PCD, PT and PTT, one learning rate for all, which falls to 0.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from matplotlib.figure import Figure

from harmonium.data import load
from harmonium.likelihood import exact_log_partition
from harmonium.training import materials, recipe, start, train

METHODS = {"cd-1": ("cd", 1), "cd-10": ("cd", 10), "pcd": ("pcd", 1), "pt": ("pt", 1), "ptt": ("ptt", 1)}


def curve(method: str, steps: int, gradient: str, epochs: int, rate: float) -> list[tuple[float, float]]:
    """Train one model; return (seconds, validation log-likelihood) after every other epoch."""
    settings = recipe(
        "best",
        method=method,
        steps=steps,
        gradient=gradient,
        hidden=20,
        epochs=epochs,
        batch_size=250,
        chains=100,
        learning_rate=rate,
        patience=None,
        likelihood_share=0.0,
    )
    data = materials(load("mnist"), settings)
    state = start(settings, data)
    assert data.held_out is not None
    held_out, points = data.held_out.float(), []
    for record in train(state, data):
        if record.epoch % 4 == 0:
            with torch.no_grad():
                energy = float(state.current.free_energy(held_out).double().mean())
            points.append((record.seconds, -energy - float(exact_log_partition(state.current))))
    return points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--learning-rate", type=float, default=0.1)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/methods.png"))
    arguments = parser.parse_args()
    figure = Figure(figsize=(8, 5), layout="constrained", dpi=110)
    axes = figure.subplots()
    print("| | plain: nats | s | centred: nats | s |\n|---|---|---|---|---|")
    for number, (label, (method, steps)) in enumerate(METHODS.items()):
        cells = []
        for gradient, style in (("plain", "--"), ("centered", "-")):
            points = curve(method, steps, gradient, arguments.epochs, arguments.learning_rate)
            axes.plot(*zip(*points, strict=True), style, color=f"C{number}", label=f"{label}, {gradient}")
            cells += [f"{points[-1][1]:.2f}", f"{points[-1][0]:.0f}"]
        print(f"| {label} | " + " | ".join(cells) + " |", flush=True)
    axes.set_xscale("log")
    axes.set_xlabel("seconds of updates")
    axes.set_ylabel("validation log-likelihood, exact, nats")
    axes.legend(frameon=False)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(arguments.out)


if __name__ == "__main__":
    main()
