"""What a stack trained on MNIST is worth: its dreams of every class, and classifiers made of it.

    harmonium train mnist --layers 500,500,2000 --labels --out runs/dbn
    python benchmarks/deep.py dreams runs/dbn
    python benchmarks/deep.py classify runs/dbn --seeds 3
    harmonium train mnist --layers 500,500,2000 --out runs/plain
    python benchmarks/deep.py few runs/plain
    python benchmarks/deep.py dreams classify few --quick

`dreams`: dreams of every class are shown to a network trained on real digits, from random weights: how many it takes
for what they were meant to be; and how far dreams of one class are from each other, beside digits of one class.
`classify`: fine-tuning with all labels; `few`: with 100, 1,000 and 10,000, which spread to the other examples, and the
same network from random weights beside it. Validation examples choose the epoch; the test examples are looked at once.
With --quick, all of it on a stack of 200-200-500 units that is trained first, in under three minutes each.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from harmonium import RBM
from harmonium.data import load
from harmonium.deep import DBN, StackRun, start_stack
from harmonium.deep.classifier import probabilities, randomize, to_torch
from harmonium.deep.fine_tuning import Tuning, fine_tune
from harmonium.stacks import classify, dream_of_stack
from harmonium.training import recipe
from harmonium.units import Bernoulli

STEPS, EACH = 1000, 100
"""Gibbs steps before a dream, and dreams of each class."""


def spread(images: Tensor) -> float:
    """Return the mean distance between two different images, (count, n), in the root of the mean square of a pixel."""
    distances = torch.pdist(images.double()) / images.shape[1] ** 0.5
    return float(distances.mean())


def judge(epochs: int) -> torch.nn.Sequential:
    """Return a network of 784-500-10 that was trained on the real digits, from random weights."""
    mnist = load("mnist")
    assert mnist.train_labels is not None
    x, y = mnist.train.values, mnist.train_labels
    network = to_torch(DBN([RBM(Bernoulli(784), Bernoulli(500))]), 10, 0.0, 0.2)
    randomize(network, torch.Generator().manual_seed(0))
    tuning = Tuning(epochs=epochs, adversarial=0.25)
    lowest = min(
        record.validation_error for record in fine_tune(network, (x[:54000], y[:54000]), (x[54000:], y[54000:]), tuning)
    )
    print(f"the judge errs on {100 * lowest:.2f} % of 6,000 real digits")
    return network


def dreams(folder: Path, quick: bool) -> None:
    """Show dreams of every class to the judge."""
    network, mnist = judge(5 if quick else 30), load("mnist")
    assert mnist.test is not None
    assert mnist.test_labels is not None
    right, apart, real = [], [], []
    for label in range(10):
        made = dream_of_stack(folder, EACH, STEPS, label=label, picture=folder / "class.png")
        right.append(float((probabilities(network, made.mean).argmax(1) == label).double().mean()))
        apart.append(spread(made.visible))
        images = mnist.test.values[(mnist.test_labels == label).nonzero().flatten()[:EACH]].float() / 255
        real.append(spread((torch.rand(images.shape, generator=torch.Generator().manual_seed(0)) < images).float()))
    (folder / "class.png").unlink()
    print(
        f"dreams after {STEPS} steps, {EACH} of each class: {100 * statistics.mean(right):.1f} % are taken for their "
        f"class; by class {', '.join(f'{100 * share:.0f}' for share in right)}"
    )
    print(
        f"mean distance of two dreams of a class {statistics.mean(apart):.3f}, of two digits of a class "
        f"{statistics.mean(real):.3f}; by class "
        + ", ".join(f"{mine:.2f}/{theirs:.2f}" for mine, theirs in zip(apart, real, strict=True)),
        flush=True,
    )


def tuned(folder: Path, labelled: int | None, random_start: bool, seeds: int, epochs: int) -> None:
    """Fine-tune with a number of labels and print the errors."""
    found = []
    for seed in range(seeds):
        tuning = Tuning(epochs=epochs, patience=epochs, seed=seed)
        found.append(classify(folder, tuning, labelled=labelled, random_start=random_start))
    wrong = [100 * one["test_error"] for one in found]
    print(
        f"{'all' if labelled is None else labelled} labels, {'random weights' if random_start else 'from the stack'}: "
        f"test error {statistics.mean(wrong):.2f} % ({', '.join(f'{value:.2f}' for value in wrong)}); "
        f"{statistics.mean(one['seconds'] for one in found):.0f} s",
        flush=True,
    )


def quick_stack(folder: Path, labels: bool) -> Path:
    """Train a small stack."""
    settings = [recipe("pcd", hidden=hidden, epochs=8, learning_rate=0.1) for hidden in (200, 200, 500)]
    stacking = start_stack(folder, "mnist", settings, labels=labels)
    for _, run, state, data in stacking.layers():
        for _ in run.train(state, data):
            pass
    return StackRun(folder).folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="+", help="dreams, classify, few; and the folder of the stack, without --quick")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        what = arguments.what if arguments.quick else arguments.what[:-1]
        folder = Path(temporary) / "stack" if arguments.quick else Path(arguments.what[-1])
        if arguments.quick and {"dreams", "classify"} & set(what):
            quick_stack(folder, labels=True)
        seeds, epochs = (1, 8) if arguments.quick else (arguments.seeds, arguments.epochs)
        if "dreams" in what:
            dreams(folder, arguments.quick)
        if "classify" in what:
            tuned(folder, None, False, seeds, epochs)
            tuned(folder, None, True, 1, epochs)
        if arguments.quick and "few" in what:
            folder = quick_stack(Path(temporary) / "plain", labels=False)
        for labelled in (100, 1000, 10_000) if "few" in what else ():
            for random_start in (False, True):
                tuned(folder, labelled, random_start, seeds, epochs)


if __name__ == "__main__":
    main()
