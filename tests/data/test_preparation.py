import numpy as np
import pytest
import torch

from harmonium.data import Batches, Cases, Preparation, survey
from harmonium.data.survey import byte_divisor
from harmonium.errors import InputError
from harmonium.units import Bernoulli, Gaussian

CPU = torch.device("cpu")


def test_sampled_pixels_follow_their_intensity_and_change_between_epochs(generator):
    bytes_ = torch.tensor([[0, 51, 128, 255]], dtype=torch.uint8)
    preparation = Preparation(divisor=255.0, binarize="sample")
    draws = torch.cat([preparation.prepare(bytes_, generator) for _ in range(20_000)])
    assert set(draws.unique().tolist()) == {0.0, 1.0}
    mean, expected = draws.mean(0), bytes_[0] / 255
    assert mean[0] == 0
    assert mean[3] == 1
    # Five standard errors: false-alarm rate 1e-6.
    assert torch.all((mean - expected).abs() <= 5 * (expected * (1 - expected) / 20_000).sqrt())


def test_threshold_and_none():
    values = torch.tensor([[0.2, 0.5, 0.7]])
    assert Preparation(binarize="threshold").prepare(values).tolist() == [[0, 0, 1]]
    assert torch.equal(Preparation().prepare(values), values)


def test_restoring_undoes_standardising(generator):
    x = 5 + 3 * torch.randn(10, 4, generator=generator)
    preparation = Preparation(mean=x.mean(0), deviation=x.std(0))
    prepared = preparation.prepare(x)
    assert prepared.mean().abs() < 1e-6
    torch.testing.assert_close(preparation.restore(prepared), x)


def test_an_unknown_way_to_binarize():
    with pytest.raises(InputError, match="did you mean 'sample'"):
        Preparation(binarize="samples")


def test_the_moments_are_those_of_numpy_however_the_pieces_fall(generator, monkeypatch):
    x = 1000 + torch.randn(257, 3, generator=generator, dtype=torch.float64)
    cases = Cases(x)
    whole = survey(cases, Preparation(), Gaussian(3).check)
    monkeypatch.setattr(Cases.chunks, "__defaults__", (30,))
    pieces = survey(cases, Preparation(), Gaussian(3).check)
    for found in (whole, pieces):
        np.testing.assert_allclose(found.mean, x.numpy().mean(0), rtol=1e-12)
        np.testing.assert_allclose(found.variance, x.numpy().var(0), rtol=1e-9)


def test_a_fault_is_named_by_its_row_in_the_file():
    x = torch.zeros(50, 2)
    x[37, 1] = torch.nan
    train, rest = Cases(x).split(0.5, torch.Generator().manual_seed(0))
    part = train if 37 in train.rows else rest
    with pytest.raises(InputError, match="row 37, column 1"):
        survey(part, Preparation(), Bernoulli(2).check)


def test_bytes_are_known_by_their_type_and_range():
    assert byte_divisor(Cases(torch.tensor([[0, 17]], dtype=torch.uint8))) == 255
    assert byte_divisor(Cases(torch.tensor([[0, 1]], dtype=torch.uint8))) == 1
    assert byte_divisor(Cases(torch.tensor([[0.0, 0.5]]))) == 1
    with pytest.raises(InputError, match=r"row 1, column 0 .* holds 256"):
        byte_divisor(Cases(torch.tensor([[0, 1], [256, 0]])))
    for grey in (torch.tensor([[0, 16]], dtype=torch.uint8), torch.tensor([[0, 16]])):
        with pytest.raises(InputError, match=r"at most 16, .* for bytes, of 255: divide them by 16"):
            byte_divisor(Cases(grey))


def test_an_epoch_shows_every_case_once_in_an_order_of_its_own(generator):
    cases = Cases(torch.arange(10.0)[:, None])
    batches = Batches(cases, Preparation(), 4, seed=3, device=CPU)
    assert len(batches) == 3
    first, again, second = (torch.cat(list(batches.epoch(k, generator))).flatten().tolist() for k in (0, 0, 1))
    assert sorted(first) == list(range(10))
    assert first == again
    assert first != second
    assert [len(batch) for batch in batches.epoch(0, generator)] == [4, 4, 2]


def test_an_interrupted_epoch_goes_on_where_it_stopped(generator):
    batches = Batches(Cases(torch.arange(10.0)[:, None]), Preparation(), 4, seed=3, device=CPU)
    whole, rest = list(batches.epoch(5, generator)), list(batches.epoch(5, generator, start=1))
    assert all(torch.equal(*pair) for pair in zip(whole[1:], rest, strict=True))


@pytest.mark.parametrize("size", [0, -1, 11])
def test_a_batch_size_out_of_range(size):
    with pytest.raises(InputError, match="from 1 to the number of training examples, 10"):
        Batches(Cases(torch.zeros(10, 1)), Preparation(), size, seed=0, device=CPU)


def test_splits_are_disjoint_and_complete(generator):
    train, rest = Cases(torch.arange(20.0)[:, None]).split(0.3, generator)
    assert len(rest) == 6
    assert sorted(torch.cat([train.first(99), rest.first(99)]).flatten().tolist()) == list(range(20))
