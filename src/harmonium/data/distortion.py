"""Images turned, sheared, stretched and bent a little: more examples to learn from where there are few."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

POINTS = 5
"""Images bend as a grid of 5x5 points that are moved at random."""

INK = 0.25
"""What differs from an image's background by more than this share of its largest difference belongs to its figure."""


@dataclass(frozen=True)
class Distortion:
    """How far images are distorted, at the most; a figure keeps its size and its centre.

    Attributes
    ----------
    degrees : float
        It is turned by up to so many, to either side.
    shear : float
        Columns are moved by up to this multiple of their distance from the middle.
    stretch : float
        Its width changes by up to a factor of exp(stretch).
    bend : float
        The standard deviation by which points of a grid move, as a share of the image's side.
    """

    degrees: float = 10.0
    shear: float = 0.15
    stretch: float = 0.12
    bend: float = 0.006


@torch.no_grad()
def distorted(images: Tensor, generator: torch.Generator, distortion: Distortion | None = None) -> Tensor:
    r"""Distort images, each in its own way.

        out(p) = image(q),  q = c + A (p - c) + d(p)

    with a random matrix A (a turn, a shear, a stretch), a smooth random field d, and c the middle; then the figure is
    brought back to the size and the centre of mass that it had, without sampling the image twice. At last the values of
    the image take the places of those found, the largest that of the largest and so on: a copy is as sharp as its image
    and has as much ink, where sampling between pixels alone would blur it.

    Parameters
    ----------
    images : Tensor, shape (cases, height, width), float
    generator : torch.Generator
    distortion : Distortion, optional

    Returns
    -------
    Tensor, shape (cases, height, width)
        The same values as the image, at other places.

    Notes
    -----
    Sources: Simard, Steinkraus & Platt 2003, "Best practices for convolutional neural networks applied to visual
    document analysis", section 2; keeping size and centre is how LeCun et al. 1998 made MNIST of its sources. Values
    are put in order, those that are alike by the means of what surrounds them, as in Coltuc, Bolon & Chassery 2006,
    "Exact histogram specification".

    Examples
    --------
    >>> images = torch.zeros(3, 28, 28)
    >>> images[:, 8:20, 12:16] = 1.0
    >>> distorted(images, torch.Generator().manual_seed(0)).shape
    torch.Size([3, 28, 28])
    """
    warp = _Warp(images.shape, distortion or Distortion(), generator)
    edge = torch.cat([images[:, [0, -1]].flatten(1), images[:, :, [0, -1]].flatten(1)], 1).median(1).values
    ink = (images - edge[:, None, None]).abs()
    before, after = _Figure(ink), _Figure(_sampled(ink, warp(_pixels(images)), "bilinear"))
    scale = (after.extent / before.extent).clamp(0.5, 2.0)[:, None, None, None]
    places = (_pixels(images) - before.centre) * scale + after.centre
    return _in_values_of(images, _sampled(images, warp(places), "bicubic"))


class _Warp:
    """Where the pixels of distorted images come from; all places are (cases, 2, height, width), y before x."""

    def __init__(self, shape: torch.Size, distortion: Distortion, generator: torch.Generator) -> None:
        cases, height, width = shape
        turn, shear, stretch = (2 * torch.rand(3, cases, generator=generator) - 1) * torch.tensor(
            [math.radians(distortion.degrees), distortion.shear, distortion.stretch]
        )[:, None]
        one, zero = torch.ones(cases), torch.zeros(cases)
        turned = _matrices(turn.cos(), -turn.sin(), turn.sin(), turn.cos())
        self.matrix = turned @ _matrices(one, zero, shear, one) @ _matrices(one, zero, zero, stretch.exp())
        moved = torch.randn(cases, 2, POINTS, POINTS, generator=generator) * distortion.bend * max(height, width)
        self.field = functional.interpolate(moved, (height, width), mode="bicubic", align_corners=True)
        self.middle = torch.tensor([(height - 1) / 2, (width - 1) / 2]).view(1, 2, 1, 1)

    def __call__(self, places: Tensor) -> Tensor:
        """Return A (p - c) + c + d(p)."""
        turned = (self.matrix @ (places - self.middle).flatten(2)).view_as(self.field)
        return turned + self.middle + _sampled(self.field, places, "bilinear")


class _Figure:
    """The size of what an image shows, and its centre of mass."""

    def __init__(self, ink: Tensor) -> None:
        cases = len(ink)
        on = ink > INK * ink.amax((1, 2), keepdim=True)
        spans = [_span(on.any(2)), _span(on.any(1))]
        self.extent = torch.maximum(*spans)
        mass = ink.sum((1, 2)).clamp(min=1e-12)
        moments = (ink[:, None] * _pixels(ink)).sum((2, 3)) / mass[:, None]
        self.centre = moments.view(cases, 2, 1, 1)


def _in_values_of(images: Tensor, blurred: Tensor) -> Tensor:
    """Return images whose largest value, second largest and so on are those of the given ones, in the blurred order.

    What is alike, as a background is, is ordered by what surrounds it.
    """
    least, largest = images.amin((1, 2), keepdim=True), images.amax((1, 2), keepdim=True)
    order = blurred.clamp(least, largest).sub_(least).div_((largest - least).clamp(min=1e-12))[:, None]
    for _ in range(3):
        order = order + 1e-3 * functional.avg_pool2d(order, 3, 1, 1, count_include_pad=False)
    values, places = torch.from_numpy(np.sort(images.flatten(1).numpy(), axis=1)), _ordered(order.flatten(1))
    return torch.empty_like(values).scatter_(1, places, values).view_as(images)


def _ordered(values: Tensor) -> Tensor:
    """Return the places of values between 0 and 2, (cases, n), from the least of each row to the largest.

    numpy sorts whole numbers far faster than torch finds an order, so that value and place become one of them.
    """
    pixels = values.shape[1]
    keys = (values.double() * 2**40).long() * pixels + torch.arange(pixels)
    return torch.from_numpy(np.sort(keys.numpy(), axis=1)) % pixels


def _matrices(*entries: Tensor) -> Tensor:
    """Return 2x2 matrices from their four entries, each (cases,)."""
    return torch.stack(entries, 1).view(-1, 2, 2)


def _span(on: Tensor) -> Tensor:
    """Return how far it is from the first to the last of each row of flags, ends included; 1 where there is none."""
    first, last = on.int().argmax(1), on.shape[1] - on.flip(1).int().argmax(1)
    return torch.where(on.any(1), last - first, 1).float()


def _pixels(images: Tensor) -> Tensor:
    """Return the place of every pixel, (1, 2, height, width)."""
    height, width = images.shape[-2:]
    return torch.stack(torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij"))[None].float()


def _sampled(values: Tensor, places: Tensor, mode: str) -> Tensor:
    """Return the values at places between pixels; what lies outside is taken from the edge."""
    height, width = values.shape[-2:]
    half = torch.tensor([max(height - 1, 1) / 2, max(width - 1, 1) / 2]).view(1, 2, 1, 1)
    middle = torch.tensor([(height - 1) / 2, (width - 1) / 2]).view(1, 2, 1, 1)
    grid = ((places - middle) / half).flip(1).permute(0, 2, 3, 1).expand(len(values), -1, -1, -1)
    planes = values if values.ndim == 4 else values[:, None]
    found = functional.grid_sample(planes, grid, mode=mode, padding_mode="border", align_corners=True)
    return found if values.ndim == 4 else found[:, 0]
