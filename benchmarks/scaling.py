"""How the time of CD-1 grows with the sizes: hidden and visible units, batch, threads.

    python benchmarks/scaling.py

One size at a time departs from 784x500 at batch 100 on two threads. Each row is a process of its own that trains on
random binary states, 13 % of them ones, in mixed precision where that gains, and prints microseconds an example,
operations an example (five dense products), and their ratio as a rate: where the rate is the same, the time lies on a
line.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

VISIBLE, HIDDEN, BATCH, THREADS = 784, 500, 100, 2
WARM_UP, SECONDS = 20, 1.0
"""Updates before the clock starts, and how long it runs at least."""

ROWS = [
    *((VISIBLE, hidden, BATCH, THREADS) for hidden in (64, 128, 256, 500, 1024, 2048, 4096)),
    *((visible, HIDDEN, BATCH, THREADS) for visible in (1568, 3136, 6272, 16384)),
    *((VISIBLE, HIDDEN, batch, THREADS) for batch in (10, 30, 300, 500, 1000, 2000)),
    (VISIBLE, HIDDEN, BATCH, 1),
    (VISIBLE, HIDDEN, 500, 1),
]


def seconds_an_example(visible: int, hidden: int, batch: int, threads: int) -> float:
    """Return the time of an example in training, after a warm-up."""
    import torch

    from harmonium.data import Cases, Dataset
    from harmonium.training import Settings, loop, materials, start

    torch.set_num_threads(threads)
    values = (torch.rand(max(2000, 2 * batch), visible, generator=torch.Generator().manual_seed(0)) < 0.13).float()
    settings = Settings(hidden=hidden, batch_size=batch, epochs=1)
    data = materials(Dataset("random", Cases(values)), settings, validation=0)
    state, batches = start(settings, data), values.split(batch)
    whole = [part for part in batches if len(part) == batch]
    for _ in range(-(-WARM_UP // len(whole))):  # the first update loads the kernels
        for part in whole:
            loop.update(state, part)
    count, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < SECONDS:
        for part in whole:
            loop.update(state, part)
        count += len(whole)
    return (time.perf_counter() - begin) / (count * batch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", type=int, nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(seconds_an_example(*arguments.measure))
        return
    print("| visible | hidden | batch | threads | us an example | MFLOP an example | GFLOP/s |")
    print("|---|---|---|---|---|---|---|")
    for row in ROWS:
        command = [sys.executable, __file__, "--measure", *map(str, row)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds = float(done.stdout.split()[-1])
        operations = 5 * 2 * row[0] * row[1]
        cells = [*map(str, row), f"{1e6 * seconds:.1f}", f"{operations / 1e6:.2f}", f"{operations / seconds / 1e9:.0f}"]
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
