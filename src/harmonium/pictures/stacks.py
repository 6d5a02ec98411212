"""Pictures of stacks: dreams of every class, and a map of the states on top."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from harmonium.files import replacing
from harmonium.pictures.dreams import grey_levels, grey_range
from harmonium.pictures.grid import image_grid, save_image


def draw_class_dreams(
    means: Tensor,
    path: Path | str,
    *,
    across: int | None = None,
    bounded: bool = True,
    image_shape: tuple[int, int] | None = None,
) -> None:
    """Draw dreams as a grid and nothing else; with `across` so many in a row, for dreams that come class by class.

    Parameters
    ----------
    means : Tensor, shape (count, n)
        E[v | h], in the units of the data.
    path : path
        The PNG file.
    across : int, optional
        Images in a row.
    bounded : bool
        Whether the means lie in [0, 1].
    image_shape : tuple of int, optional
        (height, width) of the visible layer.
    """
    levels = grey_levels(means, *grey_range(means, bounded), image_shape)
    save_image(image_grid(levels, background=110, across=across), path)


def draw_map(states: Tensor, path: Path | str, labels: Tensor | None = None) -> None:
    """Draw states as points of a plane, near ones near each other (t-SNE), coloured by their class.

    Parameters
    ----------
    states : Tensor, shape (cases, n)
        A thousand or so; at least 5.
    path : path
        The PNG file.
    labels : Tensor of int, shape (cases,), optional
        Their classes.

    Notes
    -----
    Source: van der Maaten & Hinton 2008, "Visualizing data using t-SNE", as in scikit-learn, seed 0.
    """
    from sklearn.manifold import TSNE

    values = states.detach().cpu().double().numpy()
    perplexity = min(30.0, (len(values) - 1) / 3)
    places = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(values)
    with matplotlib.rc_context({"font.size": 9}):
        figure = Figure(figsize=(8, 7), layout="constrained", dpi=110)
        axes = figure.subplots()
        if labels is None:
            axes.scatter(places[:, 0], places[:, 1], s=8, color="#3b6ea5")
        else:
            classes = np.asarray(labels.cpu())
            colours = matplotlib.colormaps["tab10" if classes.max() < 10 else "tab20"]
            for label in np.unique(classes):
                x, y = places[classes == label].T
                axes.scatter(x, y, s=8, color=colours(int(label) % colours.N), label=str(label))
            axes.legend(frameon=False, markerscale=2, loc="upper left", bbox_to_anchor=(1, 1), title="class")
        axes.set_axis_off()
        with replacing(path) as part:
            figure.savefig(part, format="png")
