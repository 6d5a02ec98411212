"""The live progress bar; on anything but a terminal it stays silent."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from harmonium.training import Record, TrainingState


class TrainingProgress:
    """Shows where training stands: updates done, rate, time left, and the last record.

    Parameters
    ----------
    bar : rich.progress.Progress
        The bar to be driven.
    state : TrainingState
        The run at its start.
    """

    def __init__(self, bar: Progress, state: TrainingState) -> None:
        self._bar = bar
        total = state.settings.epochs * state.updates_per_epoch
        self._task = bar.add_task("", total=total, completed=state.update, rate="", last="")

    def update(self, state: TrainingState) -> None:
        """Take note of one update."""
        self._bar.update(self._task, completed=state.update, description=f"epoch {state.epochs_done + 1}")

    def record(self, record: Record) -> None:
        """Show the measurements of an epoch."""
        parts = [f"reconstruction {record.reconstruction_error:.4f}"]
        if record.pseudo_log_likelihood is not None:
            parts.append(f"pseudo-log-likelihood {record.pseudo_log_likelihood:.1f}")
        if record.free_energy_gap is not None:
            parts.append(f"gap {record.free_energy_gap:+.2f}")
        self._bar.update(self._task, rate=f"{record.examples_per_second:,.0f}/s", last=", ".join(parts))


@contextmanager
def training_progress(state: TrainingState) -> Iterator[TrainingProgress]:
    """Show a progress bar on stderr while the block runs, if stderr is a terminal."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("[dim]{task.fields[last]}"),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    with bar:
        yield TrainingProgress(bar, state)


@contextmanager
def step_progress(description: str, total: int) -> Iterator[Progress]:
    """Show a bar for `total` steps on stderr while the block runs, if stderr is a terminal."""
    bar = Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True)
    with bar:
        bar.add_task(description, total=total)
        yield bar
