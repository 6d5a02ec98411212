"""Live progress on the terminal; on anything else it stays silent."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from harmonium.training import Record, TrainingState


class TrainingProgress:
    """Two lines: how far training is, at what rate and for how long; and the measurements of the last epoch.

    Parameters
    ----------
    state : TrainingState
        The run at its start.
    before : str
        What is said before the epoch, such as the layer of a stack.
    """

    def __init__(self, state: TrainingState, before: str = "") -> None:
        self._before = before
        self._epochs = state.epochs
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("left"),
        )
        self._task = self._bar.add_task(
            self._describe(state), total=self._epochs * state.updates_per_epoch, completed=state.update, rate=""
        )
        self._last, self._likelihood = Text(style="dim"), ""

    def _describe(self, state: TrainingState) -> str:
        return f"{self._before}epoch {min(state.epochs_done + 1, self._epochs)}/{self._epochs}"

    def __rich__(self) -> Group:
        """Return what is shown now."""
        return Group(self._bar, self._last)

    def update(self, state: TrainingState) -> None:
        """Take note of one update."""
        self._bar.update(self._task, completed=state.update, description=self._describe(state))

    def record(self, record: Record) -> None:
        """Take note of the measurements of an epoch."""
        self._bar.update(self._task, rate=f"{record.examples_per_second:,.0f} examples/s")
        self._last.plain = describe(record)
        if record.log_likelihood is not None:
            self._likelihood = f"epoch {record.epoch}: {record.log_likelihood:.2f} +- {record.log_likelihood_error:.2f}"
        elif self._likelihood:
            self._last.plain += f", log-likelihood at {self._likelihood} nats"


def describe(record: Record) -> str:
    """Say the measurements of a record in a line."""
    parts = []
    if record.log_likelihood is not None:
        parts.append(f"log-likelihood {record.log_likelihood:.2f} +- {record.log_likelihood_error:.2f} nats")
    elif record.pseudo_log_likelihood is not None:
        parts.append(f"pseudo-log-likelihood {record.pseudo_log_likelihood:.1f} nats")
    parts.append(f"reconstruction error {record.reconstruction_error:.4f}")
    if record.free_energy_gap is not None:
        parts.append(f"free-energy gap {record.free_energy_gap:+.2f} nats")
    if record.swap_rate is not None:
        parts.append(f"swap rate {record.swap_rate:.2f}")
    if record.warning is not None:
        parts.append(record.warning)
    return ", ".join(parts)


@contextmanager
def training_progress(state: TrainingState, before: str = "") -> Iterator[TrainingProgress]:
    """Show progress on stderr while the block runs, if stderr is a terminal, or in the cell of a notebook."""
    shown, console = TrainingProgress(state, before), Console(stderr=True)
    if not is_watched(console):
        yield shown
        return
    with Live(shown, console=console, refresh_per_second=5):
        yield shown


def is_watched(console: Console) -> bool:
    """Whether what is shown live is seen: on a terminal, or in Jupyter where ipywidgets is installed."""
    return sys.stderr.isatty() or (console.is_jupyter and importlib.util.find_spec("ipywidgets") is not None)


@contextmanager
def waiting(description: str) -> Iterator[None]:
    """Show on stderr that something goes on while the block runs, if stderr is a terminal."""
    columns = TextColumn("{task.description}"), BarColumn(bar_width=20)
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
        bar.add_task(description, total=None)
        yield


@contextmanager
def step_progress(description: str, total: int) -> Iterator[Progress]:
    """Show a bar for `total` steps on stderr while the block runs, if stderr is a terminal."""
    bar = Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True)
    with bar:
        bar.add_task(description, total=total)
        yield bar
