"""The curves of training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harmonium.files import replacing
from harmonium.training import Record

BLUE, ORANGE = "#3b6ea5", "#d98a29"


def draw_curves(records: Sequence[Record], path: Path | str) -> None:
    """Draw how the measurements of a run went, one point an epoch.

    Parameters
    ----------
    records : sequence of Record
        At least one.
    path : path
        The PNG file.
    """
    with matplotlib.rc_context({"font.size": 9}):
        figure = Figure(figsize=(11, 6.4), layout="constrained", dpi=110)
        panels: list[Callable[[Axes, Sequence[Record]], None]] = [
            _free_energies,
            _gap_of_dreams,
            _log_likelihood,
            _reconstruction_error,
            _validation_gap,
            _activity_and_weights,
        ]
        for axes, panel in zip(figure.subplots(2, 3).flat, panels, strict=True):
            panel(axes, records)
            axes.set_xlabel("epoch")
            axes.spines["top"].set_visible(False)
            axes.grid(alpha=0.25)
        with replacing(path) as part:
            figure.savefig(part, format="png")


def _plot(axes: Axes, records: Sequence[Record], name: str, color: str = BLUE, label: str | None = None) -> bool:
    """Plot one measurement against the epoch; False where the run has none of it."""
    points = [(record.epoch, value) for record in records if (value := getattr(record, name)) is not None]
    if points:
        axes.plot(*zip(*points, strict=True), color=color, marker=".", markersize=4, label=label)
    return bool(points)


def _absent(axes: Axes, reason: str) -> None:
    axes.text(0.5, 0.5, reason, ha="center", va="center", transform=axes.transAxes, color="gray")


def _free_energies(axes: Axes, records: Sequence[Record]) -> None:
    _plot(axes, records, "free_energy_data", BLUE, "data")
    _plot(axes, records, "free_energy_dreams", ORANGE, "dreams")
    axes.set_title("free energy F(v), nats")
    axes.legend(frameon=False)


def _gap_of_dreams(axes: Axes, records: Sequence[Record]) -> None:
    gaps = [record.free_energy_dreams - record.free_energy_data for record in records]
    axes.plot([record.epoch for record in records], gaps, color=ORANGE, marker=".", markersize=4)
    axes.axhline(0, color="gray", linewidth=0.8)
    axes.set_title("F(dreams) - F(data), nats")


def _log_likelihood(axes: Axes, records: Sequence[Record]) -> None:
    """Plot the live log-likelihood with two standard errors; where there is none, the pseudo-log-likelihood."""
    points = [
        (r.epoch, r.log_likelihood, r.log_likelihood_error or 0.0) for r in records if r.log_likelihood is not None
    ]
    if points:
        epochs, values, errors = (list(column) for column in zip(*points, strict=True))
        axes.fill_between(
            epochs,
            [value - 2 * error for value, error in zip(values, errors, strict=True)],
            [value + 2 * error for value, error in zip(values, errors, strict=True)],
            color=BLUE,
            alpha=0.2,
            linewidth=0,
        )
        axes.plot(epochs, values, color=BLUE, marker=".", markersize=4)
        # The first epochs are far below; what is of interest is how it goes on.
        axes.set_ylim(bottom=sorted(values)[len(values) // 4] - 4 * max(errors) - 1)
        axes.set_title("held-out log-likelihood, nats")
        return
    if not _plot(axes, records, "pseudo_log_likelihood"):
        _absent(axes, "not defined for\nthese visible units")
    axes.set_title("pseudo-log-likelihood, nats")


def _reconstruction_error(axes: Axes, records: Sequence[Record]) -> None:
    _plot(axes, records, "reconstruction_error")
    axes.set_title("reconstruction error, squared, a unit")


def _validation_gap(axes: Axes, records: Sequence[Record]) -> None:
    if not _plot(axes, records, "free_energy_gap"):
        _absent(axes, "no validation set")
    axes.axhline(0, color="gray", linewidth=0.8)
    axes.set_title("F(validation) - F(training), nats")


def _activity_and_weights(axes: Axes, records: Sequence[Record]) -> None:
    _plot(axes, records, "hidden_activity", BLUE)
    axes.set_ylabel("mean hidden activity", color=BLUE)
    other = axes.twinx()
    _plot(other, records, "weight_norm", ORANGE)
    other.set_ylabel("norm of the weights", color=ORANGE)
    other.spines["top"].set_visible(False)
    axes.set_title("hidden activity and weights")
