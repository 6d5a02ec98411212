"""Dreams as images."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from harmonium.files import replacing
from harmonium.pictures.grid import enlarged, image_grid, picture_shape


def grey_levels(values: Tensor, low: float, high: float, image_shape: tuple[int, int] | None) -> np.ndarray:
    """Return values from `low` (black) to `high` (white) as grey images: (count, n) -> (count, height, width)."""
    array = values.detach().cpu().double().numpy()
    levels = np.clip(np.round(255 * (array - low) / ((high - low) or 1.0)), 0, 255).astype(np.uint8)
    return levels.reshape(-1, *picture_shape(array.shape[1], image_shape))


def grey_range(values: Tensor, bounded: bool) -> tuple[float, float]:
    """Return what is black and what is white: 0 and 1 for probabilities, else the 1st and 99th percentile."""
    if bounded:
        return 0.0, 1.0
    low, high = np.quantile(values.detach().cpu().double().numpy(), [0.01, 0.99])
    return float(low), float(high)


def draw_dreams(
    means: Tensor,
    dream_energies: Tensor,
    data_energies: Tensor | None,
    path: Path | str,
    *,
    bounded: bool = True,
    image_shape: tuple[int, int] | None = None,
) -> None:
    """Draw dreams as a grid of E[v | h], with the free energies of data and dreams beside it.

    Parameters
    ----------
    means : Tensor, shape (count, n)
        E[v | h] of each dream, in the units of the data.
    dream_energies : Tensor, shape (count,)
        F(v) of each dream, in nats.
    data_energies : Tensor, shape (cases,), optional
        F(v) of examples to compare with.
    path : path
        The PNG file.
    bounded : bool
        Whether the means lie in [0, 1]; otherwise the grey levels span the values that occur.
    image_shape : tuple of int, optional
        (height, width) of the visible layer.
    """
    grid = enlarged(image_grid(grey_levels(means, *grey_range(means, bounded), image_shape), background=110))
    with matplotlib.rc_context({"font.size": 9}):
        figure = Figure(figsize=(11, 6.4), layout="constrained", dpi=110)
        left, right = figure.subplots(1, 2, width_ratios=[1.9, 1])
        left.imshow(np.asarray(grid), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        left.set_axis_off()
        left.set_title(f"{len(means)} dreams, shown as E[v | h]")
        _draw_energies(right, dream_energies, data_energies)
        with replacing(path) as part:
            figure.savefig(part, format="png")


def _draw_energies(axes: matplotlib.axes.Axes, dreams: Tensor, data: Tensor | None) -> None:
    """Draw histograms of free energy, with the same bins for both."""
    samples = {"dreams": dreams} if data is None else {"data": data, "dreams": dreams}
    arrays = {name: values.detach().cpu().double().numpy() for name, values in samples.items()}
    bins = np.histogram_bin_edges(np.concatenate(list(arrays.values())), bins=30)
    for name, color in (("data", "#3b6ea5"), ("dreams", "#d98a29")):
        if name in arrays:
            mean = arrays[name].mean()
            axes.hist(arrays[name], list(bins), density=True, alpha=0.6, color=color, label=f"{name}, mean {mean:.1f}")
            axes.axvline(mean, color=color, linewidth=1)
    axes.set_xlabel("free energy F(v), nats")
    axes.set_yticks([])
    axes.set_title(
        "Learning lowers F on data, raises it on dreams" if data is not None else "Free energy of the dreams"
    )
    axes.legend(frameon=False)
    axes.spines[["top", "right", "left"]].set_visible(False)
