"""Sweeps in one pass against the samplers and the products, one after the other."""

import pytest
import torch

from harmonium.kernels import PackedWeights, TiledWeights, backend, packed_weights
from harmonium.kernels.sweeps import groups_of_piece
from harmonium.kernels.threads import run
from support import seeded, with_threads

pytestmark = pytest.mark.skipif(bool(backend.why_not()), reason="the compiled kernels are switched off")

KINDS = ["words", "tiles", "tiles of float32"]


def made(kind, weights):
    if not (backend.multiplies_pairs() if kind == "words" else backend.has_tiles()):
        pytest.skip(f"the processor has no {kind}")
    return PackedWeights(weights) if kind == "words" else TiledWeights(weights, kind == "tiles")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [0.02, 0.3])
@pytest.mark.parametrize(("cases", "n", "m"), [(1, 700, 500), (33, 785, 130), (100, 784, 500), (300, 257, 1030)])
def test_sweeps_are_those_of_samplers_and_products(kind, cases, n, m, size):
    """Bit for bit, on any number of threads: the same keys, the same sums; of sparse states and of others."""
    packed = made(kind, size * torch.randn(n, m, generator=seeded()))
    biases = torch.randn(n, generator=seeded(1)) - 0.04 / size, torch.randn(m, generator=seeded(2))
    begin, generator = torch.randn(cases, m, generator=seeded(3)), seeded(4)
    field = begin
    for _ in range(3):
        keys = torch.randint(2**63 - 1, (2,), generator=generator).tolist()
        hidden = _drawn(field, biases[1], keys[0])
        visible = _drawn(packed.visible_field(hidden), biases[0], keys[1])
        field = packed.hidden_field(visible)
    for states, fields in with_threads(lambda: packed.sweeper().sweep(begin, biases, 3, seeded(4))):
        assert torch.equal(states, visible)
        assert torch.equal(fields, field)


@pytest.mark.parametrize("kind", KINDS)
def test_sweeps_between_models_are_those_of_scaled_fields(kind):
    packed = made(kind, 0.3 * torch.randn(784, 500, generator=seeded()))
    biases = torch.randn(784, generator=seeded(1)), torch.randn(500, generator=seeded(2))
    field, keys = torch.randn(200, 500, generator=seeded(3)), seeded(4)
    keys = torch.randint(2**63 - 1, (2,), generator=keys).tolist()
    hidden = _drawn(0.37 * field, biases[1], keys[0])
    visible = _drawn(0.37 * packed.visible_field(hidden), biases[0], keys[1])
    found, sent = packed.sweeper().sweep(field, biases, 1, seeded(4), scale=0.37)
    assert torch.equal(found, visible)
    assert torch.equal(sent, packed.hidden_field(found))


def _drawn(field, bias, key):
    """States of `sample_from_field`, which leaves small tensors to torch, of a key."""
    states = torch.empty_like(field)
    run(backend.compiled("samplers").sample_from_field, field, bias, states, *backend.shape_of(field), key)
    return states


def test_what_has_no_sweeps():
    assert PackedWeights(torch.zeros(100, 100), rounded=False).sweeper() is None
    if (sweeper := packed_weights(torch.zeros(100, 100), rounded=True).sweeper()) is not None:
        assert sweeper.takes(1000, 64)
        assert not sweeper.takes(1000, 63)


@pytest.mark.parametrize(("groups", "threads", "size"), [(17, 2, 3), (84, 2, 3), (1, 2, 1), (4, 2, 2), (16, 1, 4)])
def test_pieces_are_as_many_as_threads_can_share(groups, threads, size):
    """17 groups in pieces of three: three pieces for each of two threads."""
    assert groups_of_piece(groups, 5 if groups != 16 else 4, threads) == size
