"""The film of a chain: how dreams change with every Gibbs step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from harmonium.errors import InputError
from harmonium.files import replacing
from harmonium.pictures.dreams import grey_levels, grey_range
from harmonium.pictures.grid import enlarged, image_grid

FORMATS = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG"}
"""The endings of animations and the formats that they stand for."""


def check_film_path(path: Path | str) -> str:
    """Return the format of an animation by its ending.

    Raises
    ------
    InputError
        When the ending is none of `FORMATS`.
    """
    ending = Path(path).suffix.lower()
    if ending not in FORMATS:
        raise InputError(f"{path} has no ending of an animation: use .gif, .webp or .png")
    return FORMATS[ending]


def save_film(
    frames: Sequence[Tensor],
    path: Path | str,
    *,
    bounded: bool = True,
    image_shape: tuple[int, int] | None = None,
    milliseconds: int = 80,
) -> None:
    """Write an animation, one grid of E[v | h] a frame.

    Parameters
    ----------
    frames : sequence of Tensor, each of shape (count, n)
        E[v | h] of the same chains at successive times.
    path : path
        A file that ends in .gif, .webp or .png (animated PNG).
    bounded : bool
        Whether the values lie in [0, 1].
    image_shape : tuple of int, optional
        (height, width) of the visible layer.
    milliseconds : int
        How long a frame is shown.

    Raises
    ------
    InputError
        When the ending of the path is not known.
    """
    kind = check_film_path(path)
    low, high = grey_range(torch.cat(list(frames)), bounded)
    images = [
        enlarged(image_grid(grey_levels(frame, low, high, image_shape), background=110), target=600) for frame in frames
    ]
    with replacing(path) as part:
        images[0].save(part, kind, save_all=True, append_images=images[1:], duration=milliseconds, loop=0)
