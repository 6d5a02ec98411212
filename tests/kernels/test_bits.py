"""States as bits, and what is made of them."""

import pytest
import torch

from harmonium.kernels import Averages, Starts, Sweeps, backend, binary_averages, bits_for, packed_weights
from harmonium.kernels.bits import states_of_bits
from support import seeded, with_threads

pytestmark = pytest.mark.skipif(
    bool(backend.why_not()) or not backend.multiplies_pairs(), reason="the processor multiplies no pairs of 16 bits"
)


def drawn(cases, n):
    return (torch.rand(cases, n, generator=seeded(1)) < 0.3).float()


def started(states, packed, m):
    """Return how starts went, the bits and the field of states."""
    field, bits = torch.empty(len(states), m), bits_for(*states.shape)
    exact = Starts(packed.sweeper(), field, bits, states.shape[1]).run(states)
    return exact, bits, field


@pytest.mark.parametrize(("cases", "n", "m"), [(100, 784, 500), (1, 64, 64), (33, 95, 70), (64, 96, 65)])
def test_states_begin_as_bits_and_come_back(cases, n, m):
    states, packed = drawn(cases, n), packed_weights(torch.randn(n, m, generator=seeded(2)), rounded=True)
    for exact, bits, field in with_threads(lambda: started(states, packed, m)):
        assert exact
        assert torch.equal(states_of_bits(bits, cases, n), states)
        assert torch.equal(field, packed.hidden_field(states))
        beyond = bits_for(cases, n)
        beyond[:, :cases] = bits[:, :cases]
        assert torch.equal(beyond, bits)


@pytest.mark.parametrize("place", [(0, 0), (57, 94)])
@pytest.mark.parametrize("value", [0.5, -1.0, 2.0, float("nan")])
def test_what_is_no_binary_state_is_seen(place, value):
    states, packed = drawn(58, 95), packed_weights(torch.zeros(95, 70), rounded=True)
    states[place] = value
    assert not started(states, packed, 70)[0]


@pytest.mark.parametrize(("cases", "n", "m"), [(500, 784, 500), (1, 40, 9), (33, 95, 70)])
def test_averages_of_bits_are_those_of_states(cases, n, m):
    states, bias = drawn(cases, n), torch.randn(m, generator=seeded(3))
    field, bits = torch.randn(cases, m, generator=seeded(4)), bits_for(cases, n)
    for k in range(n):
        bits[k // 32, :cases] |= states[:, k].int() << (k % 32)

    def averaged():
        averages = Averages(cases, n, bias, backend.compiled("averages").averages_of_bits)
        averages.take(bits, field)
        averages.call.run()
        return averages.found

    for found in with_threads(averaged):
        for one, other in zip(found, binary_averages(states, field, bias), strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize(("cases", "n", "m"), [(100, 784, 500), (33, 95, 70)])
def test_sweeps_write_the_same_states_both_ways(cases, n, m):
    """States drawn beyond the last unit, to fill a register, are none."""
    packed = packed_weights(torch.randn(n, m, generator=seeded(2)), rounded=True)
    biases, field = (torch.ones(n), torch.zeros(m)), torch.randn(cases, m, generator=seeded(4))
    visible, found, bits = torch.empty(cases, n), torch.empty(cases, m), bits_for(cases, n)
    sweeps = Sweeps(packed.sweeper(), cases, biases, 2)
    sweeps.take(field, found, visible, bits, seeded(5))
    sweeps.call.run()
    assert torch.equal(states_of_bits(bits, cases, n), visible)
    assert bits.count_nonzero(0)[cases:].sum() == 0
    assert torch.equal(visible, packed.sweeper().sweep(field, biases, 2, seeded(5))[0])
