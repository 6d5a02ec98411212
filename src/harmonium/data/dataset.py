"""A data set: its training and test examples, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from harmonium.data.cases import Cases
from harmonium.errors import InputError


@dataclass(frozen=True)
class Dataset:
    """Examples with their labels, as loaded.

    Attributes
    ----------
    name : str
        The name or path that it was loaded by.
    train : Cases
        The training examples.
    test : Cases, optional
        The test examples, where the set has an official or customary split.
    train_labels, test_labels : Tensor of int64, optional
        The class of each example.
    image_shape : tuple of int, optional
        (height, width) where the columns are the pixels of an image.
    validation : float
        The fraction of the training examples that is set aside for validation unless somebody says otherwise.
    """

    name: str
    train: Cases
    test: Cases | None = None
    train_labels: Tensor | None = None
    test_labels: Tensor | None = None
    image_shape: tuple[int, int] | None = None
    validation: float = 0.1


def table(array: np.ndarray, place: str) -> tuple[Cases, tuple[int, int] | None]:
    """Return an array as cases, one a row, and the shape of the images if it had one.

    Parameters
    ----------
    array : ndarray, shape (N, n) or (N, height, width)
        Numbers of any real dtype; a memory map is not read.
    place : str
        Where it comes from, for messages.

    Raises
    ------
    InputError
        When it has another number of dimensions, no rows or no columns, one row, or holds no real numbers.
    """
    if array.dtype == bool:
        array = array.view(np.uint8)
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        raise InputError(f"{place} holds values of type {array.dtype}: give an array of real numbers")
    if array.ndim not in (2, 3):
        shape = "x".join(map(str, array.shape))
        raise InputError(
            f"{place} has shape {shape}: give one example a row, as (cases, columns) or (cases, height, width)"
        )
    if array.size == 0:
        raise InputError(f"{place} is empty: give at least two examples with at least one column")
    if len(array) == 1:
        raise InputError(f"{place} holds one example only: give at least two, since a model of one is that one")
    image_shape = (int(array.shape[1]), int(array.shape[2])) if array.ndim == 3 else _square(array.shape[1])
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype in (np.uint16, np.uint32, np.uint64):
        array = array.astype(np.int64)  # torch cannot index these
    return Cases(torch.from_numpy(array.reshape(len(array), -1))), image_shape


def _square(columns: int) -> tuple[int, int] | None:
    """Take columns for the pixels of a square image where they fill one of at least 3x3."""
    side = round(columns**0.5)
    return (side, side) if side * side == columns and side >= 3 else None
