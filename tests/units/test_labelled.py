"""Binary units with labels beside them, against enumeration of the states that they can take."""

import itertools

import pytest
import torch

from harmonium import RBM
from harmonium.errors import InputError
from harmonium.exact import is_finite
from harmonium.sampling import gibbs
from harmonium.units import Bernoulli, Labelled, make_units

SIZE, CLASSES = 5, 3


def states():
    """Return all states of two binary units and three labels: (12, 5)."""
    binary = list(itertools.product((0.0, 1.0), repeat=SIZE - CLASSES))
    labels = torch.eye(CLASSES, dtype=torch.float64).tolist()
    return torch.tensor([[*b, *y] for b in binary for y in labels], dtype=torch.float64)


@pytest.fixture
def units(generator):
    made = Labelled(SIZE, CLASSES).double()
    made.bias.data = torch.randn(SIZE, generator=generator, dtype=torch.float64)
    return made.requires_grad_(False)


@pytest.fixture
def field(generator):
    return torch.randn(4, SIZE, generator=generator, dtype=torch.float64)


def probabilities(units, field):
    """P(x | field) of every state by the definition: (cases, states)."""
    return torch.softmax(-units.energy(states()) + field @ states().T, 1)


def test_log_partition_mean_and_variance_are_sums_over_states(units, field):
    expected = torch.logsumexp(-units.energy(states()) + field @ states().T, 1)
    torch.testing.assert_close(units.log_partition(field), expected)
    mean = probabilities(units, field) @ states()
    torch.testing.assert_close(units.mean(field), mean)
    torch.testing.assert_close(units.variance(field), mean * (1 - mean))


def test_the_mode_is_the_most_probable_state(units, field):
    assert torch.equal(units.mode(field), states()[probabilities(units, field).argmax(1)])


def test_samples_have_the_right_frequencies(units, field, generator):
    """Chi-square with 11 degrees of freedom; 46.5 is exceeded with probability 3e-6."""
    count = 20_000
    drawn = units.sample(field[:1].expand(count, -1), generator)
    expected = count * probabilities(units, field[:1])[0]
    observed = (drawn[:, None] == states()).all(-1).sum(0)
    assert observed.sum() == count
    assert float(((observed - expected) ** 2 / expected).sum()) < 46.5


def test_gibbs_steps_keep_the_distribution_of_an_rbm_with_labels(generator):
    """Means of the units after 20 steps from exact samples, six standard errors: false alarms below 1e-7."""
    rbm = RBM(Labelled(SIZE, CLASSES), Bernoulli(3), weights=torch.randn(SIZE, 3, generator=generator).double())
    rbm.requires_grad_(False)
    exact = torch.softmax(-rbm.free_energy(states()), 0)
    start = states()[torch.multinomial(exact, 20_000, replacement=True, generator=generator)]
    state = gibbs.init(rbm, start)
    for _ in range(20):
        state = gibbs.step(rbm, state, generator)
    mean = exact @ states()
    error = (mean * (1 - mean) / 20_000).sqrt()
    assert ((state.visible.mean(0) - mean).abs() < 6 * error).all()


def test_they_are_not_enumerated_unit_by_unit(units):
    assert not is_finite(units)
    with pytest.raises(InputError, match="cannot be taken apart"):
        units.select(torch.tensor([0]))


def test_moments_are_matched_and_layers_interpolated(units):
    mean = torch.tensor([0.2, 0.6, 0.5, 0.3, 0.2], dtype=torch.float64)
    units.match_moments(mean, mean * (1 - mean), 10**9)
    torch.testing.assert_close(units.mean(torch.zeros(SIZE).double()), mean, atol=1e-6, rtol=0)
    base = Labelled(SIZE, CLASSES).double()
    torch.testing.assert_close(units.interpolate(base, 0.25).bias, units.bias / 4)
    with pytest.raises(InputError, match="cannot be interpolated with bernoulli"):
        units.interpolate(Bernoulli(SIZE), 0.5)


@pytest.mark.parametrize(
    ("row", "place"),
    [([0, 1, 1, 1, 0], "column 2"), ([0, 1, 0, 0, 0], "column 2"), ([0, 2, 1, 0, 0], "column 1")],
)
def test_states_that_they_cannot_take(units, row, place):
    with pytest.raises(InputError, match=f"row 1, {place}"):
        units.check(torch.tensor([[0, 0, 1, 0, 0], row]).double())


def test_by_name():
    assert make_units("labelled:3", 5).classes == 3
    assert make_units(Labelled(5, 3).family, 5).family == "labelled:3"
    for size, classes in ((3, 3), (3, 1)):
        with pytest.raises(InputError, match="at least 2 labels and 1 other"):
            Labelled(size, classes)
    with pytest.raises(InputError, match="unknown unit family"):
        make_units("labelled:x", 5)
