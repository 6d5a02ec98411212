"""How soon `harmonium train mnist` shows a bar and trains, and how much memory it takes; how soon estimators are there.

    python benchmarks/start.py

Runs the command on a terminal of its own, two epochs, and reads what it prints; once with an empty cache of compiled
kernels and once with a full one. Peak memory is that of each of these, pictures and all, and of a process that only
trains.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HARMONIUM = Path(sys.executable).with_name("harmonium")
PEAK = """
import resource, sys
from harmonium.training import Settings, start_run
run, state, data = start_run(sys.argv[1], "mnist", Settings(epochs=2))
for record in run.train(state, data):
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def run_for(marks: tuple[bytes, ...], command: list[str], environment: dict[str, str]) -> tuple[list[float], float]:
    """Return after how many seconds the terminal has shown each of some words, and the peak memory, in MB."""
    clock, found, text = time.perf_counter(), {}, b""
    process, terminal = pty.fork()
    if process == 0:
        os.execvpe(command[0], command, environment)
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # the other end has closed
            break
        text += piece
        for mark in marks:
            if mark in text and mark not in found:
                found[mark] = time.perf_counter() - clock
    _, _, usage = os.wait4(process, 0)
    return [found[mark] for mark in marks], usage.ru_maxrss / 1024


def main() -> None:
    clock = time.perf_counter()
    subprocess.run([HARMONIUM, "--help"], check=True, capture_output=True)
    print(f"harmonium --help: {time.perf_counter() - clock:.2f} s")
    imported = "import time; c = time.perf_counter(); import harmonium.sklearn; print(time.perf_counter() - c)"
    took = [subprocess.run([sys.executable, "-c", imported], check=True, capture_output=True).stdout for _ in range(5)]
    print(f"import harmonium.sklearn: {sorted(map(float, took))[2]:.2f} s, the median of five")
    with tempfile.TemporaryDirectory() as folder:
        for cache in ("an empty", "a full"):
            command = [str(HARMONIUM), "train", "mnist", "--epochs", "2", "--out", f"{folder}/run", "--overwrite"]
            environment = {**os.environ, "NUMBA_CACHE_DIR": f"{folder}/cache"}
            (first, training), peak = run_for((b"Reading the data", b"epoch 1/2"), command, environment)
            print(
                f"train mnist, {cache} cache of kernels: a bar after {first:.1f} s, training after {training:.1f} s,"
                f" peak memory with the pictures {peak:.0f} MB"
            )
        command = [sys.executable, "-c", PEAK, f"{folder}/other"]
        trained = subprocess.run(command, check=True, capture_output=True, text=True)
        print(f"peak memory in training: {float(trained.stdout):.0f} MB")


if __name__ == "__main__":
    main()
