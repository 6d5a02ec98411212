"""What every unit family must fulfil, checked for each of them alike."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harmonium.errors import InputError
from harmonium.units import FAMILIES, make_units
from models import random_states

families = pytest.mark.parametrize("family", sorted(FAMILIES))


def random_units(family, size, generator):
    units = make_units(family, size).double()
    for parameter in units.parameters():
        parameter.data = 0.5 * torch.randn(size, generator=generator, dtype=torch.float64)
    return units


def integral_over_states(units, field):
    """Log of sum or integral of exp(-E(x) + field x) of a layer of one unit, by the definition alone."""
    states = units.unit_states()
    if states is not None:
        log_terms = -units.energy(states[:, None]) + field * states
        return torch.logsumexp(log_terms, 0)
    x = torch.linspace(-40, 40, 400_001, dtype=torch.float64)
    return torch.trapezoid(torch.exp(-units.energy(x[:, None]) + field * x), x).log()


@families
def test_log_partition_is_the_log_of_the_sum_over_states(family, generator):
    units = random_units(family, 1, generator)
    for field in (-1.5, 0.0, 2.0):
        expected = integral_over_states(units, field)
        torch.testing.assert_close(units.log_partition(torch.tensor([field], dtype=torch.float64)), expected)


@families
@pytest.mark.parametrize("scale", [1.0, 30.0, 1000.0])
def test_pairwise_log_partition_is_that_of_every_sum(family, scale, generator):
    units = random_units(family, 40, generator)
    first, second = (scale * torch.randn(k, 40, generator=generator, dtype=torch.float64) for k in (5, 7))
    expected = units.log_partition(first[:, None] + second)
    # torch's softplus leaves out exp(-x) beyond x = 20: 2e-9 a unit.
    torch.testing.assert_close(units.pairwise_log_partition(first, second), expected, rtol=1e-12, atol=40 * 2.1e-9)


@families
def test_energies_of_the_units_add_up_and_units_can_be_selected(family, generator):
    units = random_units(family, 6, generator)
    x = random_states(units, 5, generator)
    torch.testing.assert_close(units.unit_energy(x).sum(-1), units.energy(x))
    chosen = torch.tensor([4, 1, 1])
    torch.testing.assert_close(units.select(chosen).unit_energy(x[:, chosen]), units.unit_energy(x)[:, chosen])


@families
def test_derivatives_of_log_partition_are_mean_and_variance(family, generator):
    units = random_units(family, 5, generator)
    field = torch.randn(5, generator=generator, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(units.log_partition(field), field, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), field)
    torch.testing.assert_close(first, units.mean(field))
    torch.testing.assert_close(second, units.variance(field).detach())


@families
def test_samples_have_mean_and_variance(family, generator):
    units = random_units(family, 4, generator)
    field = torch.randn(4, generator=generator, dtype=torch.float64)
    count = 200_000
    samples = units.sample(field.expand(count, 4), generator)
    mean, variance = units.mean(field).detach(), units.variance(field).detach()
    # Five standard errors, four units, two moments: false-alarm rate below 1e-5.
    assert torch.all((samples.mean(0) - mean).abs() < 5 * (variance / count).sqrt())
    fourth = (samples - mean).pow(4).mean(0)
    error = ((fourth - variance**2).clamp(min=1e-12) / count).sqrt()
    assert torch.all(((samples - mean).square().mean(0) - variance).abs() < 5 * error + 1e-9)


@families
def test_mode_is_where_the_density_is_highest(family, generator):
    units = random_units(family, 3, generator)
    field = torch.randn(3, generator=generator, dtype=torch.float64)
    mode = units.mode(field)

    def log_density(x):
        return -units.energy(x) + x @ field

    others = random_states(units, 100, generator)
    assert torch.all(log_density(others) <= log_density(mode) + 1e-12)


@families
def test_statistics_are_minus_the_gradient_of_the_energy(family, generator):
    units = random_units(family, 4, generator)
    x = random_states(units, 6, generator)
    statistics = units.statistics(x)
    assert statistics.keys() == dict(units.named_parameters()).keys()
    gradients = torch.autograd.grad(-units.energy(x).mean(), list(units.parameters()))
    for (name, _), gradient in zip(units.named_parameters(), gradients, strict=True):
        torch.testing.assert_close(statistics[name].detach(), gradient)


@families
def test_expected_statistics_are_the_gradient_of_log_partition(family, generator):
    units = random_units(family, 4, generator)
    field = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    weights = torch.rand(6, generator=generator, dtype=torch.float64)
    weights /= weights.sum()
    statistics = units.expected_statistics(field, weights)
    gradients = torch.autograd.grad(weights @ units.log_partition(field), list(units.parameters()))
    for (name, _), gradient in zip(units.named_parameters(), gradients, strict=True):
        torch.testing.assert_close(statistics[name].detach(), gradient)


@families
@given(beta=st.floats(0, 1))
@settings(max_examples=20, deadline=None)
def test_interpolation_is_linear_in_the_energy(family, beta):
    generator = torch.Generator().manual_seed(0)
    units, base = random_units(family, 3, generator), random_units(family, 3, generator)
    x = random_states(units, 5, generator)
    expected = (1 - beta) * base.energy(x) + beta * units.energy(x)
    torch.testing.assert_close(units.interpolate(base, beta).energy(x), expected)


@families
def test_match_moments_gives_the_layer_these_moments(family):
    cases = 10**9  # so many that the smoothing does not show
    mean = torch.tensor([0.2, 0.7], dtype=torch.float64)
    variance = mean * (1 - mean)
    units = make_units(family, 2).double()
    units.match_moments(mean, variance, cases)
    zero = torch.zeros(2, dtype=torch.float64)
    torch.testing.assert_close(units.mean(zero).detach(), mean, atol=1e-7, rtol=0)
    torch.testing.assert_close(units.variance(zero).detach(), variance, atol=1e-7, rtol=0)


@families
def test_match_moments_stays_finite_for_constant_columns(family):
    units = make_units(family, 3)
    units.match_moments(torch.tensor([0.0, 1.0, 0.5]), torch.tensor([0.0, 0.0, 0.25]), 100)
    assert all(torch.isfinite(parameter).all() for parameter in units.parameters())


@families
@given(shape=st.lists(st.integers(1, 3), max_size=3))
@settings(max_examples=20, deadline=None)
def test_any_leading_dimensions(family, shape):
    generator = torch.Generator().manual_seed(0)
    units = random_units(family, 4, generator)
    field = torch.randn(*shape, 4, generator=generator, dtype=torch.float64)
    x = units.sample(field, generator)
    for result in (x, units.mean(field), units.variance(field), units.mode(field)):
        assert result.shape == field.shape
    for result in (units.energy(x), units.log_partition(field)):
        assert result.shape == torch.Size(shape)


@families
def test_nan_is_refused_with_its_place(family):
    x = torch.zeros(3, 2)
    x[1, 1] = torch.nan
    with pytest.raises(InputError, match=r"row 41, column 1 .* nan"):
        make_units(family, 2).check(x, torch.tensor([40, 41, 42]))


@families
@pytest.mark.parametrize("size", [0, -3, 2.5, True])
def test_a_layer_needs_a_whole_number_of_units(family, size):
    with pytest.raises(InputError, match="whole number of units"):
        make_units(family, size)


def test_an_unknown_family_names_the_known_ones():
    with pytest.raises(InputError, match="did you mean 'gaussian'"):
        make_units("gausian", 3)


@pytest.mark.parametrize(("family", "other"), [("bernoulli", "gaussian"), ("gaussian", "bernoulli")])
def test_families_do_not_mix_in_an_interpolation(family, other):
    with pytest.raises(InputError, match="cannot be interpolated"):
        make_units(family, 2).interpolate(make_units(other, 2), 0.5)
