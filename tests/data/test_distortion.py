"""Distorted images: what they keep, what they change, and how training is shown them."""

import math

import pytest
import torch

from harmonium.data import Batches, Cases, Dataset, Distortion, Preparation, distorted
from harmonium.data.distortion import DistortedCases, with_distorted
from harmonium.errors import InputError
from harmonium.training import Settings, materials, start, train

STILL = {"degrees": 0.0, "shear": 0.0, "stretch": 0.0, "bend": 0.0}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def strokes(cases=50):
    """Images of 28x28 with a slanted bar of gray edges, no two alike."""
    y, x = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    slant = torch.linspace(-0.4, 0.4, cases)[:, None, None]
    across = (x - 13.5) - slant * (y - 13.5)
    return ((2.5 - across.abs()).clamp(0, 1) * ((y > 4) & (y < 23))).float()


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


def test_values_stay_between_the_least_and_the_largest():
    found = distorted(strokes() * 0.6 + 0.2, seeded())
    assert found.min() >= 0.2 - 1e-6
    assert found.max() <= 0.8 + 1e-6


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


def bytes_of(images):
    return (images * 255).round().to(torch.uint8).flatten(1)


def test_an_epoch_shows_a_share_as_copies_and_all_else_the_examples():
    table = bytes_of(strokes())
    cases = with_distorted(Cases(table, torch.arange(10, 50)), (28, 28), 0.5, 0, whole=True)
    assert cases.copies.shape == (8, 40, 784)
    assert cases.copies.dtype == torch.uint8
    assert torch.equal(cases.first(40), table[10:])
    assert torch.equal(torch.cat([stored for _, stored in cases.chunks()]), table[10:])
    copied = 0
    for epoch in range(25):
        shown = cases.in_epoch(seeded(epoch)).take(torch.arange(40))
        same = (shown == table[10:]).all(1)
        copies = (shown == cases.copies).all(2).any(0)
        assert (same ^ copies).all()
        copied += int(copies.sum())
    assert abs(copied - 500) < 80  # 5 standard deviations of Binomial(1000, 1/2): false alarms 6e-7


def test_the_copies_of_an_epoch_are_the_same_after_an_interruption():
    cases = with_distorted(Cases(bytes_of(strokes())), (28, 28), 0.7, 0, whole=True)
    batches = Batches(cases, Preparation(divisor=255), 8, 0, torch.device("cpu"))
    whole, rest = list(batches.epoch(3, seeded())), list(batches.epoch(3, seeded(), start=4))
    assert all(torch.equal(*pair) for pair in zip(whole[4:], rest, strict=True))


def dataset(values=None):
    return Dataset("strokes", Cases(bytes_of(strokes()) if values is None else values), image_shape=(28, 28))


def test_binary_images_stay_binary_and_measurements_see_the_examples():
    values = (strokes() > 0.5).to(torch.uint8).flatten(1)
    settings = Settings(hidden=5, epochs=2, batch_size=10, distort=1.0)
    ready = materials(dataset(values), settings)
    assert isinstance(ready.train, DistortedCases)
    assert set(ready.train.copies.unique().tolist()) == {0, 1}
    plain = materials(dataset(values), Settings(hidden=5, epochs=2, batch_size=10))
    assert ready.fingerprint() == plain.fingerprint()
    assert torch.equal(ready.monitored_train, plain.monitored_train)
    models = []
    for each, own in ((ready, settings), (plain, Settings(hidden=5, epochs=2, batch_size=10))):
        state = start(own, each)
        assert [record.epoch for record in train(state, each)] == [1, 2]
        models.append(state.model.weights)
    assert not torch.equal(*models)


def test_real_valued_images_are_distorted_too():
    settings = Settings(hidden=5, epochs=1, batch_size=10, distort=0.5, visible="gaussian")
    ready = materials(dataset(strokes().flatten(1)), settings)
    assert ready.train.copies.dtype == torch.float32
    assert [record.epoch for record in train(start(settings, ready), ready)] == [1]


def test_rows_that_are_no_images_are_refused():
    table = Dataset("table", Cases(torch.randint(0, 2, (20, 7), dtype=torch.uint8, generator=seeded())))
    with pytest.raises(InputError, match="distort is for images"):
        materials(table, Settings(hidden=5, batch_size=10, distort=0.5))


@pytest.mark.parametrize("share", [-0.1, 1.5, math.nan])
def test_a_share_is_from_0_to_1(share):
    with pytest.raises(InputError, match=r"distort is .*, but must be from 0 to 1"):
        Settings(distort=share)
