import numpy as np
import pytest
import torch
from PIL import Image

from harmonium import RBM
from harmonium.errors import InputError
from harmonium.pictures import draw_curves, draw_dreams, draw_features, image_grid, save_film
from harmonium.training import Record
from harmonium.units import Bernoulli


def test_a_grid_holds_every_image_in_its_place():
    images = np.arange(6, dtype=np.uint8)[:, None, None] * np.ones((6, 2, 3), np.uint8)
    grid = image_grid(images, background=99, across=3)
    assert grid.shape == (2 * 3 + 1, 3 * 4 + 1)
    for k in range(6):
        top, left = (k // 3) * 3 + 1, (k % 3) * 4 + 1
        assert np.all(grid[top : top + 2, left : left + 3] == k)
    assert grid[0, 0] == 99


@pytest.mark.parametrize(("count", "across"), [(100, 10), (500, 25), (1, 1), (2, 1), (7, 4), (64, 8)])
def test_grids_are_about_square_and_well_filled(count, across):
    grid = image_grid(np.zeros((count, 28, 28), np.uint8))
    assert grid.shape[1] == across * 29 + 1


def test_features_are_grey_at_zero_and_scaled_alike(tmp_path):
    weights = torch.zeros(4, 2)
    weights[0, 0], weights[1, 1] = 1.0, -0.5
    draw_features(RBM(Bernoulli(4), Bernoulli(2), weights=weights), tmp_path / "f.png", (2, 2))
    levels = set(np.unique(np.asarray(Image.open(tmp_path / "f.png"))))
    assert {60, 128, 255} < levels  # the frame, zero, full excitation
    (inhibition,) = levels - {60, 128, 255}
    assert 60 < inhibition < 68  # half as far from grey


def test_all_500_features_are_there(tmp_path):
    draw_features(RBM(Bernoulli(784), Bernoulli(500)), tmp_path / "f.png", (28, 28))
    image = Image.open(tmp_path / "f.png")
    assert image.size == (25 * 29 + 1, 20 * 29 + 1)


@pytest.mark.parametrize("image_shape", [(2, 2), None])
@pytest.mark.parametrize("with_data", [True, False])
def test_dreams_with_and_without_data(image_shape, with_data, tmp_path):
    energies = torch.linspace(-3, 2, 9)
    of_data = energies + 1 if with_data else None
    draw_dreams(torch.rand(9, 4), energies, of_data, tmp_path / "d.png", image_shape=image_shape)
    assert min(Image.open(tmp_path / "d.png").size) > 300


def test_dreams_all_alike_are_drawn_too(tmp_path):
    draw_dreams(torch.zeros(4, 4), torch.zeros(4), torch.zeros(4), tmp_path / "d.png", bounded=False)
    assert (tmp_path / "d.png").exists()


@pytest.mark.parametrize("ending", ["gif", "webp", "png"])
def test_a_film_has_its_frames(ending, tmp_path, generator):
    frames = [torch.rand(4, 9, generator=generator) for _ in range(5)]
    save_film(frames, tmp_path / f"f.{ending}", image_shape=(3, 3))
    assert Image.open(tmp_path / f"f.{ending}").n_frames == 5


def test_a_film_of_an_unknown_kind(tmp_path):
    with pytest.raises(InputError, match=r"use \.gif, \.webp or \.png"):
        save_film([torch.zeros(1, 4)], tmp_path / "f.mp4")


@pytest.mark.parametrize("missing", [True, False])
def test_curves_of_one_or_many_records(missing, tmp_path):
    def record(epoch):
        absent = None if missing else -90.0
        return Record(epoch, epoch, 1.0, 1.0, 0.1, 0.02, absent, -10.0, -8.0, None if missing else 0.5, 0.3, 4.0)

    for count in (1, 4):
        draw_curves([record(k + 1) for k in range(count)], tmp_path / "c.png")
        assert min(Image.open(tmp_path / "c.png").size) > 300
