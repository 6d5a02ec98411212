"""The features: what each hidden unit adds to the visible layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor

from harmonium.pictures.grid import image_grid, picture_shape, save_image
from harmonium.rbm import RBM


def draw_features(rbm: RBM, path: Path | str, image_shape: tuple[int, int] | None = None) -> None:
    """Draw the weights of every hidden unit as one small image, all in one grid.

    Grey is zero, white excites and black inhibits a pixel; all are scaled alike, so that strong and weak features can
    be told apart. The scale is the 99.5th percentile of |W|: beyond it grey levels saturate, since a single outlier
    would make all others pale.

    Parameters
    ----------
    rbm : RBM
        The model.
    path : path
        The PNG file.
    image_shape : tuple of int, optional
        (height, width) of the visible layer; without it each feature is a line of pixels.
    """
    draw_weights(rbm.weights, path, image_shape)


def draw_weights(weights: Tensor, path: Path | str, image_shape: tuple[int, int] | None = None) -> None:
    """Draw the columns of weights (n, m) as `draw_features` does those of an RBM."""
    save_image(feature_grid(weights, image_shape), path)


def feature_grid(weights: Tensor, image_shape: tuple[int, int] | None = None) -> np.ndarray:
    """Return the grid of grey levels that `draw_features` draws, for weights (n, m)."""
    columns = weights.detach().cpu().double().numpy().T
    scale = float(np.quantile(np.abs(columns), 0.995)) or 1.0
    levels = np.clip(np.round(127.5 + 127.5 * columns / scale), 0, 255).astype(np.uint8)
    return image_grid(levels.reshape(-1, *picture_shape(columns.shape[1], image_shape)), background=60)
