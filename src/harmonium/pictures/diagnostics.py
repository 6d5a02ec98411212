"""The quality of dreams as chains run longer, and the histogram of the weights."""

from __future__ import annotations

from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harmonium.diagnostics import Regime
from harmonium.files import replacing
from harmonium.pictures.curves import BLUE, ORANGE
from harmonium.rbm import RBM


def draw_diagnostics(regime: Regime, rbm: RBM, path: Path | str) -> None:
    """Draw the departure of dreams from data against the number of steps, and how the weights are distributed.

    Parameters
    ----------
    regime : Regime
        What `harmonium.diagnostics.dream_quality` found.
    rbm : RBM
        The model.
    path : path
        The PNG file.
    """
    with matplotlib.rc_context({"font.size": 9}):
        figure = Figure(figsize=(11, 3.6), layout="constrained", dpi=110)
        left, right = figure.subplots(1, 2)
        _quality(left, regime)
        _weights(right, rbm)
        for axes in (left, right):
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(alpha=0.25)
        with replacing(path) as part:
            figure.savefig(part, format="png")


def _quality(axes: Axes, regime: Regime) -> None:
    for curve, color, label in ((regime.from_noise, ORANGE, "noise"), (regime.from_data, BLUE, "data")):
        axes.plot(regime.steps, [look.departure for look in curve], color=color, marker=".", label=f"start at {label}")
    axes.set_xscale("log")
    axes.set_ylim(0, 0.52)
    axes.set_title(f"departure of dreams from data: {regime.verdict}")
    axes.set_xlabel("Gibbs steps")
    axes.legend(frameon=False)


def _weights(axes: Axes, rbm: RBM) -> None:
    weights = rbm.weights.detach().cpu().numpy().ravel()
    axes.hist(weights, bins=100, color=BLUE, log=True)
    axes.set_title(f"weights: standard deviation {weights.std():.3f}, from {weights.min():.2f} to {weights.max():.2f}")
    axes.set_xlabel("weight")
    axes.set_ylabel("count")
