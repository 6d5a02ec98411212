import sys

import numpy as np
import pytest
import torch
from scipy import sparse

from harmonium.data import Cases, Dataset, load
from harmonium.data.sparse import SparseCases, sparse_cases
from harmonium.errors import InputError
from harmonium.training import Settings, materials, recipe, start, train


def saved(tmp_path, array, name="a.npy"):
    np.save(tmp_path / name, array)
    return load(str(tmp_path / name))


def test_a_tenth_is_set_aside_by_default():
    data = materials(load("digits"), Settings())
    assert len(data.validation) == round(0.1 * 1438)
    assert len(data.train) + len(data.validation) == 1438
    assert len(data.monitored_train) == len(data.monitored_validation)


def test_no_validation_on_request():
    data = materials(load("digits"), Settings(), validation=0)
    assert data.validation is None
    assert data.monitored_validation is None


def test_a_validation_file(tmp_path):
    np.save(tmp_path / "v.npy", np.zeros((7, 64)))
    data = materials(load("digits"), Settings(), str(tmp_path / "v.npy"))
    assert len(data.train) == 1438
    assert len(data.validation) == 7


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        ("1.0", "at least 0 and below 1"),
        ("-0.1", "at least 0 and below 1"),
        ("nowhere.npy", "neither a file that exists nor a fraction"),
        ("0.99999", "leaves no training example"),
    ],
)
def test_a_wrong_validation(validation, message):
    with pytest.raises(InputError, match=message):
        materials(load("bars-and-stripes:2x2"), Settings(), validation)


def test_a_validation_file_of_another_width(tmp_path):
    np.save(tmp_path / "v.npy", np.zeros((7, 5)))
    with pytest.raises(InputError, match="has 5 columns, the training data 64"):
        materials(load("digits"), Settings(), str(tmp_path / "v.npy"))


@pytest.mark.parametrize("value", [np.nan, -0.5, 1.5])
def test_a_value_that_binary_units_cannot_take(tmp_path, value):
    array = np.full((30, 4), 0.5)
    array[17, 2] = value
    with pytest.raises(InputError, match="row 17, column 2"):
        materials(saved(tmp_path, array), Settings())


def test_nan_for_gaussian_units(tmp_path):
    array = np.random.default_rng(0).normal(size=(30, 4))
    array[5, 3] = np.nan
    with pytest.raises(InputError, match=r"row 5, column 3 .* finite values"):
        materials(saved(tmp_path, array), Settings(visible="gaussian"))


def test_gaussian_units_see_standardised_columns(tmp_path):
    array = np.random.default_rng(0).normal(100, 20, size=(500, 3))
    array[:, 1] = 7  # a constant column
    data = materials(saved(tmp_path, array), Settings(visible="gaussian"), validation=0)
    prepared = data.preparation.prepare(data.train.first(500))
    torch.testing.assert_close(prepared.mean(0), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(prepared.var(0, correction=0), torch.tensor([1.0, 0.0, 1.0]), atol=1e-3, rtol=0)


def test_standardising_can_be_declined(tmp_path):
    array = np.random.default_rng(0).normal(5, 1, size=(50, 3))
    data = materials(saved(tmp_path, array), Settings(visible="gaussian", standardize=False))
    assert data.preparation.mean is None


def test_bytes_become_probabilities(tmp_path):
    array = np.array([[0, 255], [128, 64], [255, 0]], dtype=np.uint8)
    data = materials(saved(tmp_path, array), Settings(), validation=0)
    assert data.preparation.divisor == 255
    assert data.preparation.binarize == "sample"


def test_binary_data_are_left_alone(tmp_path):
    array = np.array([[0, 1], [1, 0], [1, 1]], dtype=np.uint8)
    data = materials(saved(tmp_path, array), Settings(), validation=0)
    assert data.preparation.divisor == 1
    assert data.preparation.binarize == "none"


def test_visible_biases_start_at_the_log_odds_of_the_smoothed_mean(tmp_path):
    array = np.array([[0, 1, 0], [0, 1, 1], [0, 0, 1]], dtype=np.uint8)
    data = materials(saved(tmp_path, array), Settings(), validation=0)
    p = (3 * torch.tensor([0.0, 2 / 3, 2 / 3]) + 0.5) / 4
    torch.testing.assert_close(start(Settings(), data).rbm.visible.bias.detach(), torch.logit(p))


def test_thresholded_data_start_at_the_thresholded_moments(tmp_path):
    array = np.array([[0.4, 0.9], [0.4, 0.8], [0.6, 0.1]])
    data = materials(saved(tmp_path, array), Settings(binarize="threshold"), validation=0)
    torch.testing.assert_close(data.found.mean, torch.tensor([1 / 3, 2 / 3], dtype=torch.float64))


def test_a_batch_larger_than_the_data_is_refused():
    settings = Settings(batch_size=100)
    data = materials(load("bars-and-stripes:3x3"), settings)
    with pytest.raises(InputError, match="batch size is 100, but there are only 14 training examples"):
        start(settings, data)


def test_the_fingerprint_tells_other_data():
    first, second = (materials(load(name), Settings()) for name in ("bars-and-stripes:3x3", "bars-and-stripes:2x5"))
    assert first.fingerprint() != second.fingerprint()


def test_a_rare_pixel_does_not_stand_hundreds_of_deviations_out(tmp_path):
    array = np.random.default_rng(0).normal(0, 1, size=(20_000, 3))
    array[:, 0] = 0
    array[5, 0] = 255
    data = materials(saved(tmp_path, array), Settings(visible="gaussian"), validation=0)
    assert data.preparation.prepare(data.train.first(20_000))[:, 0].max() <= 30.1


def test_a_large_mean_costs_no_digits(tmp_path):
    array = 1.7e9 + np.random.default_rng(0).normal(0, 50, size=(500, 2))
    data = materials(saved(tmp_path, array), Settings(visible="gaussian"), validation=0)
    expected = (array - array.mean(0)) / array.std(0)
    np.testing.assert_allclose(data.preparation.prepare(data.train.first(500)), expected, atol=1e-4)
    restored = data.preparation.restore(data.preparation.prepare(data.train.first(500)))
    np.testing.assert_allclose(restored, array, rtol=1e-8)


def test_a_validation_file_in_another_form_is_named(tmp_path):
    train = saved(tmp_path, np.random.default_rng(0).integers(0, 256, (30, 4)).astype(np.uint8))
    np.save(tmp_path / "v.npy", np.random.default_rng(0).random((10, 4)))
    with pytest.raises(InputError, match=r"in the validation file .*v\.npy, its values are not bytes"):
        materials(train, Settings(), str(tmp_path / "v.npy"))
    np.save(tmp_path / "w.npy", np.full((10, 64), np.nan))
    with pytest.raises(InputError, match=r"in the validation file .*w\.npy, row 0, column 0"):
        materials(load("digits"), Settings(), str(tmp_path / "w.npy"))


def test_pixels_that_are_constant_or_rare_in_training_have_a_typical_deviation(tmp_path):
    images = np.zeros((400, 3, 3))
    images[:, 0] = np.random.default_rng(0).normal(0, 60, (400, 3))
    images[7, 1, 1] = 3
    data = materials(saved(tmp_path, images), Settings(visible="gaussian"), validation=0)
    assert (255 - data.preparation.mean[4]) / data.preparation.deviation[4] < 60
    assert (255 - data.preparation.mean[8]) / data.preparation.deviation[8] < 10


def test_of_wide_examples_fewer_are_looked_at(monkeypatch):
    """And a sparse table is never made dense as a whole: no more than a quarter of its rows are taken at once."""
    taken = []
    take = SparseCases.take

    def counted(self, positions):
        taken.append(len(positions))
        return take(self, positions)

    monkeypatch.setattr(SparseCases, "take", counted)
    monkeypatch.setattr(sys.modules["harmonium.training.materials"], "VALUES", 50 * 300)
    monkeypatch.setattr(Cases.chunks, "__defaults__", (50 * 300,))
    rows = sparse.random(400, 300, density=0.02, random_state=0, data_rvs=np.ones)
    settings = recipe("pcd", hidden=4, epochs=1, batch_size=40)
    data = materials(Dataset("rows", sparse_cases(rows)), settings, 0)
    list(train(start(settings, data), data))
    assert len(data.held_out) == len(data.monitored_train) == 50
    assert max(taken) == 50
    assert sum(taken) > 800  # the survey and an epoch have seen every row
