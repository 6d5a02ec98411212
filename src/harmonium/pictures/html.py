"""A model as a piece of HTML, for notebooks: what it is, and its filters."""

from __future__ import annotations

import base64
import html
import io
import math

from torch import Tensor

from harmonium.pictures.features import feature_grid
from harmonium.pictures.grid import enlarged
from harmonium.rbm import RBM

MOST = 100
"""So many filters are shown, those with the largest weights."""


def html_of(rbm: RBM, image_shape: tuple[int, int] | None = None) -> str:
    """Return a line about a model, and the picture of its filters, as HTML that needs no other file.

    Parameters
    ----------
    rbm : RBM
    image_shape : tuple of int, optional
        (height, width) of the visible layer; without it a square, if its size is one.
    """
    visible, hidden = rbm.visible, rbm.hidden
    said = f"RBM: {visible.size:,} {visible.family} visible and {hidden.size:,} {hidden.family} hidden units"
    shape = image_shape or _square(visible.size)
    picture = "" if shape is None else f"<br>{_picture(rbm.weights, shape)}"
    return f"<div><code>{html.escape(said)}</code>{picture}</div>"


def _square(size: int) -> tuple[int, int] | None:
    """Return (side, side) where a layer of more than a few units is a square number, and None otherwise."""
    side = math.isqrt(size)
    return (side, side) if side > 2 and side * side == size else None


def _picture(weights: Tensor, shape: tuple[int, int]) -> str:
    """Return the strongest filters as an image."""
    columns = weights.detach().cpu()
    strongest = columns.norm(dim=0).argsort(descending=True)[:MOST].sort().values
    stream = io.BytesIO()
    enlarged(feature_grid(columns[:, strongest], shape), 400).save(stream, "PNG", optimize=True)
    coded = base64.b64encode(stream.getvalue()).decode()
    title = f"the weights of {len(strongest)} of {columns.shape[1]} hidden units: white excites, black inhibits"
    return f'<img alt="{title}" title="{title}" src="data:image/png;base64,{coded}">'
