"""Products in matrix registers against float64, and steps that use them against torch."""

import pytest
import torch

from harmonium.kernels import Descent, Offsets, PackedWeights, TiledWeights, backend, descend, tiled
from support import seeded, with_threads

if not backend.has_tiles():
    pytest.skip("the processor has no matrix registers", allow_module_level=True)


@pytest.mark.parametrize("m", [1, 31, 32, 33, 130, 500])
@pytest.mark.parametrize("shape", [(1,), (33,), (7, 5), (300,)])
@pytest.mark.parametrize("values", ["binary", "any"])
@pytest.mark.parametrize("rounded", [True, False])
def test_products_are_those_of_float32(m, shape, values, rounded):
    """Of the weights as they are, or rounded; of states that are exact in bfloat16, and of others."""
    generator = seeded(m)
    weights = torch.randn(101, m, generator=generator)
    packed, exact = TiledWeights(weights, rounded), (weights.bfloat16() if rounded else weights).double()
    for product, numbers, matrix in (
        (packed.hidden_field, torch.randn(*shape, 101, generator=generator), exact),
        (packed.visible_field, torch.randn(*shape, m, generator=generator), exact.T),
    ):
        states = (numbers > 0).float() if values == "binary" else numbers
        size = states.double().abs() @ matrix.abs()  # the sum rounds by 2^-24 of it a few times
        assert ((product(states).double() - states.double() @ matrix).abs() <= 1e-6 * size + 1e-30).all()


def test_a_case_does_not_depend_on_its_neighbours_or_the_threads():
    states = (torch.rand(101, 200, generator=seeded()) < 0.3).float()
    packed = TiledWeights(torch.randn(200, 70, generator=seeded(1)) ** 5, rounded=False)
    alone = packed.hidden_field(states[:50])
    states[50:] *= 0.3
    found = with_threads(lambda: packed.hidden_field(states))
    assert torch.equal(found[0][:50], alone)
    assert all(torch.equal(other, found[0]) for other in found[1:])


def test_three_parts_are_the_weights_and_one_is_bfloat16():
    weights = torch.randn(130, 77, generator=seeded()) * torch.logspace(-20, 10, 77)
    assert torch.equal(unpacked(TiledWeights(weights, rounded=False).rows, 3)[:130, :77], weights.double())
    packed, expected = TiledWeights(weights), weights.bfloat16().double()
    assert torch.equal(unpacked(packed.rows, 1)[:130, :77], expected)
    assert torch.equal(unpacked(packed.columns, 1)[:77, :130], expected.T)


def unpacked(words, parts):
    """Return what packed words (blocks, parts of pairs, 32) stand for: (rows, columns) of whole blocks."""
    halves = torch.stack([words << 16, words & ~0xFFFF], 2).view(torch.float32)
    return halves.flatten(1, 2).unflatten(1, (parts, -1)).double().sum(1).transpose(0, 1).flatten(1)


@pytest.mark.parametrize(("n", "m"), [(784, 50), (57, 130), (1, 64), (113, 1)])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("density", [0.2, 0.8])
@pytest.mark.parametrize("scale", [1.0, 0.7])
def test_a_step_is_that_of_means_in_bfloat16(n, m, momentum, centered, density, scale):
    """Against torch in float64; states of 0.7 are not exact in bfloat16."""
    generator = seeded(n + m)
    x, other = (scale * (torch.rand(k, n, generator=generator) < density) for k in (140, 61))
    y, other_y = torch.rand(140, m, generator=generator), torch.rand(61, m, generator=generator)
    offsets = Offsets(torch.rand(n, generator=generator), *torch.rand(2, m, generator=generator)) if centered else None
    weights, velocity = torch.randn(n, m, generator=generator), torch.zeros(n, m)
    packed, expected, of_velocity = TiledWeights(weights), weights.double(), torch.zeros(n, m).double()
    for phases in (((x, y, 1 / 140), (other, other_y, -1 / 61)), ((other, other_y, 1 / 61), (x, y, -1 / 140))):
        numbers = Descent(0.01, momentum, 0.1)
        found = descend(weights, velocity if momentum else None, *phases, numbers, packed, offsets)
        gradient = sum(a.double().T @ _rounded(b, factor, offsets) for a, b, factor in phases)
        if offsets is not None:
            gradient -= torch.outer(offsets.visible, offsets.difference)
            for ours, theirs in zip(
                found, (gradient @ offsets.hidden.double(), offsets.visible.double() @ gradient), strict=True
            ):
                torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-5)
        of_velocity = momentum * of_velocity + gradient + 0.01 * expected
        expected = expected - 0.1 * of_velocity
        torch.testing.assert_close(weights.double(), expected, rtol=1e-4, atol=1e-5)
        if momentum:
            torch.testing.assert_close(velocity.double(), of_velocity, rtol=1e-4, atol=1e-5)
    fresh = TiledWeights(weights)
    assert torch.equal(packed.rows, fresh.rows)
    assert torch.equal(packed.columns, fresh.columns)


def _rounded(means, factor, offsets):
    centred = means if offsets is None else means - offsets.hidden
    return (torch.tensor(factor) * centred).bfloat16().double()


def test_without_registers_there_are_no_tiled_weights(monkeypatch):
    monkeypatch.setattr(tiled, "has_tiles", lambda: False)
    assert type(tiled.packed_weights(torch.zeros(40, 40), True)) is PackedWeights
    with pytest.raises(RuntimeError, match="no matrix registers"):
        TiledWeights(torch.zeros(40, 40))
