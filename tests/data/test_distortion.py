"""Distorted images: what they keep, and what they change."""

import math

import pytest
import torch

from harmonium.data import Distortion, distorted
from support import strokes

STILL = {"degrees": 0.0, "shear": 0.0, "stretch": 0.0, "bend": 0.0}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def centre(images):
    y, x = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    mass = images.sum((1, 2))
    return torch.stack([(images * y).sum((1, 2)) / mass, (images * x).sum((1, 2)) / mass], 1)


def slope(images):
    """The slope dx/dy of the main axis, from second moments."""
    y, x = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    dy, dx = y - centre(images)[:, :1, None], x - centre(images)[:, 1:, None]
    return (images * dx * dy).sum((1, 2)) / (images * dy * dy).sum((1, 2))


def test_without_any_distortion_an_image_is_itself():
    images = strokes()
    assert torch.allclose(distorted(images, seeded(), Distortion(**STILL)), images, atol=1e-4)


def test_a_figure_keeps_its_centre_and_its_size():
    images = strokes()
    found = distorted(images, seeded())
    assert (found - images).abs().amax((1, 2)).min() > 0.1  # each has changed
    assert (centre(found) - centre(images)).abs().max() < 0.6
    height = [(each.amax(2) > 0.25).sum(1) for each in (images, found)]
    assert (height[0] - height[1]).abs().max() <= 2


def test_a_copy_has_the_values_of_its_image_at_other_places():
    images = strokes() * 0.6 + 0.2
    found = distorted(images, seeded())
    assert torch.equal(found.flatten(1).sort(1).values, images.flatten(1).sort(1).values)


def test_values_of_a_figure_that_grows_narrower_stay_beside_it():
    images = torch.zeros(50, 28, 28)
    images[:, 4:24, 8:20] = 1.0
    found = distorted(images, seeded(), Distortion(**{**STILL, "stretch": 0.4}))
    assert torch.cat([found[:, [0, -1]].flatten(), found[:, :, [0, -1]].flatten()]).max() == 0  # four pixels away


@pytest.mark.parametrize(("name", "most"), [("degrees", math.radians(20.0)), ("shear", 0.36)])
def test_turns_and_shears_are_as_far_as_they_are_said_to_be(name, most):
    images = strokes(1).expand(400, -1, -1)
    given = math.degrees(most) if name == "degrees" else most
    found = distorted(images, seeded(), Distortion(**{**STILL, name: given}))
    moved = slope(found) - slope(images[:1])
    assert moved.abs().max() < 1.6 * most  # a slanted bar turned by an angle changes its slope by more than that
    assert moved.max() > 0.7 * most
    assert moved.min() < -0.7 * most


def test_dark_figures_on_a_light_ground_are_distorted_alike():
    images = strokes()
    assert torch.allclose(1 - distorted(1 - images, seeded()), distorted(images, seeded()), atol=1e-4)


@pytest.mark.parametrize("shape", [(3, 3), (1, 9), (8, 13)])
def test_small_and_oblong_images_and_empty_ones(shape):
    images = torch.rand(5, *shape, generator=seeded())
    images[0] = 0.0
    found = distorted(images, seeded())
    assert found.shape == images.shape
    assert found.isfinite().all()
    assert (found[0] == 0).all()
