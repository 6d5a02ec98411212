"""Bars and stripes: a small set whose distribution is known exactly."""

from __future__ import annotations

import numpy as np

from harmonium.data.dataset import Dataset, table
from harmonium.errors import InputError


def bars_and_stripes(height: int = 4, width: int = 4) -> Dataset:
    """Return every image whose rows, or whose columns, are each all 0 or all 1.

    There are 2^height + 2^width - 2 of them (the two that are both are counted once), all equally likely, so the best
    log-likelihood is minus the log of that number: -log 14 for 3x3. A classic of Boltzmann machines
    (Hinton & Sejnowski 1986). Nothing is set aside for validation: the set is the distribution.

    Parameters
    ----------
    height, width : int
        At least 2, together at most 32 (so at most 2^16 rows of each kind).

    Raises
    ------
    InputError
        When a side is out of range.
    """
    if not (2 <= height <= 16 and 2 <= width <= 16):
        raise InputError(f"bars-and-stripes of {height}x{width}: each side must be from 2 to 16")
    row_patterns = np.arange(2**height)[:, None] >> np.arange(height) & 1
    column_patterns = np.arange(2**width)[:, None] >> np.arange(width) & 1
    stripes = np.repeat(row_patterns[:, :, None], width, 2)
    bars = np.repeat(column_patterns[1:-1, None, :], height, 1)  # all 0 and all 1 are among the stripes
    train, _ = table(np.concatenate([stripes, bars]).astype(np.uint8), "bars-and-stripes")
    return Dataset(f"bars-and-stripes:{height}x{width}", train, image_shape=(height, width), validation=0.0)
