"""Examples shown distorted: how many, which, and who sees them as they are."""

import math

import pytest
import torch

from harmonium.data import Batches, Cases, Dataset, Preparation
from harmonium.data.distorted_cases import DistortedCases, with_distorted
from harmonium.errors import InputError
from harmonium.training import Settings, materials, start, train
from support import strokes


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


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
