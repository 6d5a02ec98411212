"""Products in matrix registers against float64, and steps that use them against torch."""

import pytest
import torch

from harmonium.kernels import Descent, Offsets, PackedWeights, TiledWeights, backend, descend, tiled
from harmonium.kernels.threads import run
from support import with_threads

if not backend.has_tiles():
    pytest.skip("the processor has no matrix registers", allow_module_level=True)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


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


def test_three_parts_are_the_weights_and_one_is_that_of_sums_of_rows():
    weights = torch.randn(130, 77, generator=seeded()) * torch.logspace(-20, 10, 77)
    words = TiledWeights(weights, rounded=False).rows
    halves = torch.stack([words << 16, words & ~0xFFFF], 2).view(torch.float32)  # (blocks, parts of pairs, 2, 32)
    parts = halves.flatten(1, 2).unflatten(1, (3, -1)).double().sum(1)
    assert torch.equal(parts.transpose(0, 1).flatten(1)[:130, :77], weights.double())
    mine, theirs = TiledWeights(weights), PackedWeights(weights)
    assert torch.equal(mine.rows, theirs.rows)
    assert torch.equal(mine.columns, theirs.columns)


@pytest.mark.parametrize(("n", "m"), [(784, 50), (57, 130), (1, 64), (113, 1)])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("density", [0.2, 0.8])
@pytest.mark.parametrize("scale", [1.0, 0.7])
def test_a_step_is_that_of_sums_of_rows(n, m, momentum, centered, density, scale):
    """The same rounded means, times the same states, in another order; states of 0.7 are not exact in bfloat16."""
    generator = seeded(n + m)
    x, other = (scale * (torch.rand(k, n, generator=generator) < density) for k in (140, 61))
    y, other_y = torch.rand(140, m, generator=generator), torch.rand(61, m, generator=generator)
    offsets = Offsets(torch.rand(n, generator=generator), *torch.rand(2, m, generator=generator)) if centered else None
    start, found = torch.randn(n, m, generator=generator), []
    for kind in (PackedWeights, TiledWeights):
        weights, velocity = start.clone(), torch.zeros(n, m)
        packed = kind(weights)
        for phases in (((x, y, 1 / 140), (other, other_y, -1 / 61)), ((other, other_y, 1 / 61), (x, y, -1 / 140))):
            numbers = Descent(0.01, momentum, 0.1)
            corrections = descend(weights, velocity if momentum else None, *phases, numbers, packed, offsets)
        fresh = kind(weights)
        assert torch.equal(packed.rows, fresh.rows)
        assert torch.equal(packed.columns, fresh.columns)
        found.append([weights, velocity, *(corrections or ())])
    for ours, theirs in zip(found[1], found[0], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rounded", [True, False])
@pytest.mark.parametrize(("cases", "n", "m"), [(1, 700, 500), (33, 785, 130), (100, 784, 500), (300, 257, 1030)])
def test_sweeps_are_those_of_samplers_and_products(rounded, cases, n, m):
    """Bit for bit, on any number of threads: the same keys, the same sums in the same order."""
    packed = TiledWeights(0.3 * torch.randn(n, m, generator=seeded()), rounded)
    biases = torch.randn(n, generator=seeded(1)), torch.randn(m, generator=seeded(2))
    begin, generator = torch.randn(cases, m, generator=seeded(3)), seeded(4)
    field = begin
    for _ in range(3):
        keys = torch.randint(2**63 - 1, (2,), generator=generator).tolist()
        hidden = _drawn(field, biases[1], keys[0])
        visible = _drawn(packed.visible_field(hidden), biases[0], keys[1])
        field = packed.hidden_field(visible)
    for states, fields in with_threads(lambda: packed.sweep(begin, biases, 3, seeded(4))):
        assert torch.equal(states, visible)
        assert torch.equal(fields, field)


def test_sweeps_between_models_are_those_of_scaled_fields():
    packed = TiledWeights(0.3 * torch.randn(784, 500, generator=seeded()), rounded=False)
    biases = torch.randn(784, generator=seeded(1)), torch.randn(500, generator=seeded(2))
    field, keys = torch.randn(200, 500, generator=seeded(3)), seeded(4)
    keys = torch.randint(2**63 - 1, (2,), generator=keys).tolist()
    hidden = _drawn(0.37 * field, biases[1], keys[0])
    visible = _drawn(0.37 * packed.visible_field(hidden), biases[0], keys[1])
    found, sent = packed.sweep(field, biases, 1, seeded(4), scale=0.37)
    assert torch.equal(found, visible)
    assert torch.equal(sent, packed.hidden_field(found))


def _drawn(field, bias, key):
    """States of `sample_from_field`, which leaves small tensors to torch, of a key."""
    states = torch.empty_like(field)
    addresses = field.data_ptr(), bias.data_ptr(), states.data_ptr()
    run(backend.compiled("samplers").sample_from_field, *addresses, *backend.shape_of(field), key)
    return states


def test_without_registers_there_are_no_tiled_weights(monkeypatch):
    monkeypatch.setattr(tiled, "has_tiles", lambda: False)
    assert type(tiled.packed_weights(torch.zeros(40, 40), True)) is PackedWeights
    with pytest.raises(RuntimeError, match="no matrix registers"):
        TiledWeights(torch.zeros(40, 40))
