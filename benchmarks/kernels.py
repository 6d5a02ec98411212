"""Where the time of an update goes, and what the compiled kernels do by themselves, beside plain torch.

    python benchmarks/kernels.py [--batch 100] [--model runs/mnist]

Kernels alone: medians of 300 calls at 784x500, on MNIST digits where they are at hand. In an update: means over 400
updates of CD-1 with the default settings, each part timed as it is called. Of a trained model of MNIST: how many hidden
units are on, and how many not as usual.
"""

from __future__ import annotations

import argparse
import collections
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from epoch_time import HIDDEN, VISIBLE, binary_digits
from harmonium.data import Cases, Dataset
from harmonium.kernels import has_tiles, packed_weights, sample_from_field, sample_normal
from harmonium.kernels.threads import Call
from harmonium.likelihood.annealing import anneal
from harmonium.packed import PackedRBM, RoundedRBM
from harmonium.rbm import RBM
from harmonium.sampling import GeometricPath, base_of_states
from harmonium.training import Settings, loop, materials, open_model, start
from harmonium.units import Bernoulli


def median(call: Callable[[], Any]) -> float:
    """Return microseconds of a call."""
    times = []
    for _ in range(320):
        clock = time.perf_counter()
        call()
        times.append(time.perf_counter() - clock)
    return 1e6 * statistics.median(times[20:])


def kernels_alone(states: torch.Tensor) -> None:
    """Print the sampler and the products beside torch."""
    batch = len(states)
    field, bias = torch.randn(batch, VISIBLE), torch.zeros(VISIBLE)
    weights = 0.1 * torch.randn(VISIBLE, HIDDEN)
    packed, hidden = packed_weights(weights, rounded=True), (torch.rand(batch, HIDDEN) < 0.2).float()
    count = batch * VISIBLE / 1000
    pairs = states.unflatten(1, (-1, 2)).any(2).sum(1).float().mean()
    print(f"{states.sum(1).mean():.0f} ones in an example, in {pairs:.0f} pairs of neighbours")
    ours = median(lambda: sample_from_field(field, bias))
    theirs = median(lambda: torch.rand_like(field) < torch.sigmoid(field + bias))
    print(f"sampling: {count / ours:.2f} G states a second; torch.rand() < torch.sigmoid(): {count / theirs:.2f}")
    way = "in matrix registers" if has_tiles() else "from packed weights"
    half = (torch.rand(batch, HIDDEN) < 0.5).float()
    for name, ours, dense in (
        ("v -> h", lambda: packed.hidden_field(states), lambda: states @ weights),
        ("h -> v, 20 % on", lambda: packed.visible_field(hidden), lambda: hidden @ weights.T),
        ("h -> v, 50 % on", lambda: packed.visible_field(half), lambda: half @ weights.T),
    ):
        print(f"{name}: {median(ours):.0f} us {way}, {median(dense):.0f} us dense in float32")
    exact = packed_weights(weights, rounded=False)
    print(f"v -> h, weights in float32: {median(lambda: exact.hidden_field(states)):.0f} us {way}")
    print(f"packing the weights: {median(lambda: packed.pack(weights)):.0f} us")
    rbm = RoundedRBM(RBM(Bernoulli(VISIBLE), Bernoulli(HIDDEN), weights=weights))
    sent, layers, seeded = rbm.hidden_field(states), (rbm.visible, rbm.hidden), torch.Generator()
    ours = median(lambda: rbm.sweep_between(sent, layers, 1.0, 10, seeded))
    theirs = median(lambda: RBM.sweep_between(rbm, sent, layers, 1.0, 10, seeded))
    print(f"ten Gibbs sweeps: {ours:.0f} us, {theirs:.0f} us by a sampler and a product after the other")
    mean, deviation = field.clone(), torch.ones(VISIBLE)
    ours = median(lambda: sample_normal(mean, deviation))
    theirs = median(lambda: torch.randn_like(mean) * deviation + mean)
    print(f"normal numbers: {count / ours:.2f} G a second; torch.randn(): {count / theirs:.2f}")


PARTS = {
    "sample_from_field": "random states",
    "product_of_pairs": "products",
    "product_of_tiles": "products",
    "product_of_floats": "products",
    "sweep_words": "sweeps: random states and products",
    "sweep_tiles": "sweeps: random states and products",
    "start_words": "products",
    "start_tiles": "products",
    "binary_averages": "means and averages",
    "averages_of_bits": "means and averages",
}
"""What kernels do; all others belong to the gradient."""


class Stopwatch:
    """Adds up the time spent in functions that it is put around."""

    def __init__(self) -> None:
        self.seconds: collections.Counter[str] = collections.Counter()

    def around(self, place: Any, name: str, label: Callable[..., str]) -> None:
        """Time a function of a class from now on; `label` says of its arguments what it does."""
        kept = vars(place)[name]
        function = getattr(place, name)

        def timed(*arguments: Any, **options: Any) -> Any:
            clock = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                self.seconds[label(*arguments)] += time.perf_counter() - clock

        setattr(place, name, staticmethod(timed) if isinstance(kept, staticmethod) else timed)


def part_of(call: Call) -> str:
    """Say what a kernel does in an update."""
    return PARTS.get(call.kernel.__name__, "gradient, step and packing of the weights")


def update_by_parts(values: torch.Tensor, batch_size: int) -> None:
    """Print the mean time of an update and of its parts."""
    settings = Settings(hidden=HIDDEN, epochs=1, batch_size=batch_size)
    data = materials(Dataset("digits", Cases(values)), settings, validation=0)
    state, watch = start(settings, data), Stopwatch()
    watch.around(Call, "run", part_of)
    watch.around(PackedRBM, "_dense_product", lambda *_: "products")
    batches = values.split(batch_size)
    for batch in batches[:50]:
        loop.update(state, batch)
    watch.seconds.clear()
    updates, clock = 0, time.perf_counter()
    for batch in (10 * batches)[:400]:
        loop.update(state, batch)
        updates += len(batch) == batch_size
    total = (time.perf_counter() - clock) / updates
    print(f"an update of CD-1: {1e3 * total:.2f} ms, of which")
    parts = {name: seconds / updates for name, seconds in watch.seconds.most_common()}
    for name, seconds in [*parts.items(), ("small calls of torch and Python", total - sum(parts.values()))]:
        print(f"  {1e3 * seconds:.2f} ms {name}")


def annealing(values: torch.Tensor) -> None:
    """Print what a temperature of annealing takes at 500 runs, beside its two dense products."""
    settings = Settings(hidden=HIDDEN, epochs=2, method="pcd", learning_rate=0.05, batch_size=100)
    data = materials(Dataset("digits", Cases(values)), settings, validation=0)
    state = start(settings, data)
    for batch in 2 * values.split(100):
        loop.update(state, batch)
    rbm, generator = state.rbm.requires_grad_(False), torch.Generator().manual_seed(0)
    path = GeometricPath(rbm, base_of_states(rbm, values[:1000]))
    up, down = torch.rand(500, VISIBLE), torch.rand(500, HIDDEN)
    dense = median(lambda: (up @ rbm.weights, down @ rbm.weights.T)) / 1000
    anneal(path, np.linspace(0, 1, 50), 500, generator)
    clock = time.perf_counter()
    anneal(path, np.linspace(0, 1, 501), 500, generator)
    ours = (time.perf_counter() - clock) / 500 * 1000
    print(f"a temperature of annealing, 500 runs, float32: {ours:.2f} ms; its two dense products alone: {dense:.2f} ms")


@torch.no_grad()
def usual(rbm: RBM, states: torch.Tensor) -> None:
    """Print how sparse the hidden states of a model are."""
    hidden = rbm.hidden.sample(rbm.hidden_field(states), torch.Generator().manual_seed(0))
    unusual = hidden - (hidden.mean(0) > 0.5).float()
    print(f"of the hidden units {hidden.mean():.1%} are on, and {unusual.abs().mean():.1%} are not as usual")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--model", type=Path, help="A run folder.")
    arguments = parser.parse_args()
    values = torch.from_numpy(binary_digits()[0])
    with torch.no_grad():
        kernels_alone(values[: arguments.batch].contiguous())
    annealing(values)
    update_by_parts(values, arguments.batch)
    if arguments.model:
        usual(open_model(arguments.model).rbm, values[:500])


if __name__ == "__main__":
    main()
