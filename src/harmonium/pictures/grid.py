"""Many small images side by side in one."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image

from harmonium.files import replacing

GAP = 1
"""Pixels between two images of a grid, before enlarging."""


def picture_shape(columns: int, image_shape: tuple[int, int] | None) -> tuple[int, int]:
    """Return (height, width) of the picture of one example: its own, or a single line where it is no image."""
    return (1, columns) if image_shape is None else image_shape


def image_grid(images: np.ndarray, background: int = 255, across: int | None = None) -> np.ndarray:
    """Put images into a grid, row by row.

    Parameters
    ----------
    images : ndarray of uint8, shape (count, height, width)
        Grey levels.
    background : int
        The grey of gaps and of places left empty.
    across : int, optional
        Images in a row; by default the whole is about as wide as high, or a little wider where that fills it.

    Returns
    -------
    ndarray of uint8, shape (grid height, grid width)
    """
    count, height, width = images.shape
    if across is None:
        across = _images_in_a_row(count, (height + GAP) / (width + GAP))
    down = -(-count // across)
    grid = np.full((down * (height + GAP) + GAP, across * (width + GAP) + GAP), background, np.uint8)
    for k, image in enumerate(images):
        top, left = (k // across) * (height + GAP) + GAP, (k % across) * (width + GAP) + GAP
        grid[top : top + height, left : left + width] = image
    return grid


def _images_in_a_row(count: int, slenderness: float) -> int:
    """Return a number of columns that makes a grid about as wide as high and leaves few places empty."""
    square = max(1, round(math.sqrt(count * slenderness)))
    candidates = range(square, max(square, round(1.3 * square)) + 1)
    return min(count, min(candidates, key=lambda across: (-count % across, across)))


def enlarged(grid: np.ndarray, target: int = 900) -> Image.Image:
    """Return a grid as an image, enlarged by a whole factor to about `target` pixels on its longer side."""
    factor = max(1, round(target / max(grid.shape)))
    return Image.fromarray(grid).resize((grid.shape[1] * factor, grid.shape[0] * factor), Image.Resampling.NEAREST)


def save_image(grid: np.ndarray, path: Path | str) -> None:
    """Write a grid as a PNG file, replacing the old one in one step."""
    with replacing(path) as part:
        enlarged(grid).save(part, "PNG", optimize=True)
