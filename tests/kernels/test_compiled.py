"""Compiled kernels against plain torch: equal products, equal distributions, equal states for equal numbers."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy import stats

from harmonium.kernels import (
    Descent,
    LayerStep,
    Offsets,
    PackedWeights,
    TiledWeights,
    backend,
    binary_averages,
    descend,
    descend_layers,
    is_binary,
    kernels_take,
    mean_of_field,
    packed_weights,
    sample_from_bytes,
    sample_from_field,
    sample_from_probability,
    sample_normal,
    sum_of_softplus,
    threads,
    usual_states,
)
from harmonium.kernels.backend import key_of
from harmonium.kernels.compiled.philox import fill_uniform
from support import seeded, with_threads

pytestmark = pytest.mark.skipif(bool(backend.why_not()), reason="the compiled kernels are switched off")


def uniform_of(generator, cases, n):
    """Return the numbers that a kernel draws for states (cases, n)."""
    key, quarter, rows = key_of(generator), (n + 3) // 4, []
    for case in range(cases):
        row = np.empty(4 * quarter, np.float32)
        fill_uniform(row, case * quarter, key)
        rows.append(row[:n])
    return torch.from_numpy(np.stack(rows))


@pytest.mark.parametrize("shape", [(100, 784), (1, 9001), (9001, 1), (33, 500), (3, 50, 101)])
def test_states_are_those_of_torch_for_the_same_numbers(shape):
    """But for numbers that lie within rounding of the probability: fewer than one in a million, times ten."""
    generator = seeded(1)
    field, bias = 3 * torch.randn(shape, generator=generator), torch.randn(shape[-1], generator=generator)
    probability = torch.sigmoid(field + bias)
    uniform = uniform_of(seeded(2), field.numel() // shape[-1], shape[-1]).view(shape)
    near = (uniform - probability).abs() < 1e-6
    expected = (uniform < probability).float()
    for state in (sample_from_field(field, bias, seeded(2)), sample_from_probability(probability, seeded(2))):
        assert state.shape == field.shape
        assert torch.equal(state[~near], expected[~near])
    assert near.float().mean() < 1e-4


def test_bytes_are_intensities_of_255():
    intensity = torch.randint(256, (200, 100), generator=seeded(), dtype=torch.uint8)
    intensity[0], intensity[1] = 0, 255
    state = sample_from_bytes(intensity, seeded(3))
    uniform = uniform_of(seeded(3), 200, 100)
    assert torch.equal(state, (uniform < intensity / 255).float())
    assert (state[0] == 0).all()
    assert (state[1] == 1).all()


def test_the_distribution_is_that_of_torch():
    """Ones of 2,000 draws at each of 2,000 fields: z-scores are normal (Kolmogorov-Smirnov, false-alarm rate 1e-4)."""
    field = torch.linspace(-6, 6, 2000).repeat(2000, 1)
    p = torch.sigmoid(field[0]).double()
    ones = sample_from_field(field, torch.zeros(2000), seeded()).double().sum(0)
    quantile = stats.binom.cdf(ones.numpy() - 1, 2000, p.numpy())
    jitter = np.random.default_rng(0).random(2000) * stats.binom.pmf(ones.numpy(), 2000, p.numpy())
    assert stats.kstest(quantile + jitter, "uniform").pvalue > 1e-4


def test_extremes_are_certain():
    field = torch.full((100, 200), 200.0)
    assert (sample_from_field(field, torch.zeros(200), seeded()) == 1).all()
    assert (sample_from_field(-field, torch.zeros(200), seeded()) == 0).all()
    assert (sample_from_probability(torch.ones(100, 200), seeded()) == 1).all()
    assert (sample_from_probability(torch.zeros(100, 200), seeded()) == 0).all()


def test_nothing_depends_on_the_number_of_threads():
    field, weights = torch.randn(101, 300, generator=seeded()), torch.randn(300, 70, generator=seeded(1))
    states = (field > 1.2).float()
    x, y = (torch.rand(90, 300, generator=seeded(3)) < 0.2).float(), torch.rand(90, 70, generator=seeded(4))

    offsets = Offsets(torch.rand(300, generator=seeded(5)), *torch.rand(2, 70, generator=seeded(6)))

    def everything():
        packed, stepped, corrections = packed_weights(weights, rounded=True), weights.clone(), []
        drawn, summed = sample_from_field(field, torch.zeros(300), seeded(2)), packed.hidden_field(states)
        for copy in (packed, PackedWeights(weights), None):
            for centre in (None, offsets):
                numbers = Descent(0.1, 0.0, 0.1)
                corrections += (
                    descend(stepped, None, (x, y, 0.01), (x[:50], y[:50], -0.02), numbers, copy, centre) or ()
                )
        exact = PackedWeights(weights).hidden_field(states)
        return drawn, summed, exact, stepped, packed.rows, packed.columns, *corrections

    first, *others = with_threads(everything, (1, 2, 3, 12))  # twelve are more than there are pieces
    for found in others:
        assert all(torch.equal(a, b) for a, b in zip(first, found, strict=True))


def unpacked(packed):
    """Return the weights that a packed copy stands for, from its rows and from its columns."""
    found = []
    for words, (height, width) in ((packed.rows, packed.shape), (packed.columns, packed.shape[::-1])):
        halves = torch.stack([(words << 16) >> 16, words >> 16], 2).float() * packed.scales[0]  # (blocks, pairs, 2, 32)
        found.append(halves.flatten(1, 2).transpose(0, 1).flatten(1)[:height, :width])
    return found[0], found[1].T


def to_16_bits(weights):
    """Return weights rounded, ties to even, to multiples of the smallest power of 2 at which all have 16 bits."""
    scale = 2.0**-40
    while (weights / scale).round().abs().max() > 2**15 - 1:
        scale *= 2
    return (weights / scale).round() * scale


@pytest.mark.parametrize("shape", [(101, 1), (1, 101), (101, 31), (32, 64), (130, 77), (784, 500)])
@pytest.mark.parametrize("size", [1.0, 1e-3, 300.0])
def test_packing_rounds_to_even_rows_and_columns_alike(shape, size):
    weights = size * torch.randn(shape, generator=seeded())
    packed = PackedWeights(torch.zeros(shape))
    packed.pack(weights)
    for found in unpacked(packed):
        assert torch.equal(found, to_16_bits(weights))
    ties = torch.tensor([1.75, 1.5 * 2**-14, -2.5 * 2**-14]).repeat(40, 1)
    assert torch.equal(unpacked(PackedWeights(ties))[0], torch.tensor([1.75, 2 * 2**-14, -2 * 2**-14]).repeat(40, 1))


@pytest.mark.parametrize("largest", [0.999, 32767.4 / 2**15, 32767.6 / 2**15, 1.0, 1.001, 0.0])
@pytest.mark.parametrize("place", [(0, 0), (100, 30)])
def test_the_scale_is_that_of_the_largest_weight(largest, place):
    weights = torch.zeros(101, 31)
    weights[place] = -largest
    packed = PackedWeights(weights)
    assert torch.equal(unpacked(packed)[0], to_16_bits(weights))
    for other in (torch.nan, torch.inf):  # what has no scale is not a number
        weights[place] = other
        packed.pack(weights)
        assert packed.hidden_field(torch.ones(3, 101)).isnan().all()


@pytest.mark.parametrize("m", [1, 3, 31, 32, 33, 130, 500])
@pytest.mark.parametrize("density", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("values", ["binary", "any"])
@pytest.mark.parametrize("rounded", [True, False])
def test_products_are_those_of_float64(m, density, values, rounded):
    """To the last bit, whether rows are added or all multiplied, where sums are of whole numbers."""
    generator = seeded(m)
    weights = torch.randn(101, m, generator=generator)
    packed, exact = PackedWeights(weights, rounded), (to_16_bits(weights) if rounded else weights).double()

    def states(n):
        where = (torch.rand(7, 5, n, generator=generator) < density).float()
        return where if values == "binary" else where * torch.randn(7, 5, n, generator=generator)

    # Float32 sums of up to 500 terms.
    v, h = states(101), states(m)
    for usual in (None, 0, 1):
        usual_v, usual_h = (usual if usual is None else states(n)[usual, usual] for n in (101, m))
        for found, expected in (
            (packed.hidden_field(v, usual_v), v.double() @ exact),
            (packed.visible_field(h, usual_h), h.double() @ exact.T),
        ):
            torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-4)
            if rounded and values == "binary":
                assert torch.equal(found, expected.float())


@pytest.mark.parametrize("density", [0.1, 0.9])
def test_sums_that_are_too_large_for_float32_are_rounded_once(density):
    """By either loop; those of float32 round on their way."""
    weights, v = 0.9 + 0.1 * torch.rand(8000, 70, generator=seeded()), torch.rand(20, 8000, generator=seeded(1))
    states, exact = (v < density).float(), to_16_bits(weights).double()
    assert torch.equal(PackedWeights(weights).hidden_field(states), (states.double() @ exact).float())


def test_layers_of_which_sums_might_not_fit():
    packed, states = PackedWeights(torch.full((70000, 64), 1.9999)), torch.ones(2, 70000)
    torch.testing.assert_close(packed.hidden_field(states), torch.full((2, 64), 139993.0), rtol=1e-3, atol=0)
    assert packed.sweeper() is None


def test_states_that_are_not_binary_are_found():
    states = torch.rand(10, 100, generator=seeded()).round()
    assert is_binary(states)
    for other in (0.5, -1.0, torch.nan):
        states[3, 99] = other
        assert not is_binary(states)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 1.0)])
def test_what_is_usual(low, high):
    generator, often = seeded(), torch.tensor([0.02, 0.98]).repeat(50)
    states = torch.where(torch.rand(20, 100, generator=generator) < often, high, low)
    assert torch.equal(usual_states(states), torch.tensor([low, high]).repeat(50))
    mostly_zero = torch.where(torch.rand(20, 100, generator=generator) < 0.02, high, 0.0)
    assert torch.equal(usual_states(mostly_zero), torch.zeros(100))
    assert usual_states((torch.rand(64, 100, generator=generator) < 0.5).float()) is None
    levels = torch.cat([states[:16], (torch.rand(304, 100, generator=generator) < 0.5).float()])
    assert usual_states(levels) is None  # two of the 32 cases that are looked at are sparse
    assert usual_states(torch.randn(20, 100, generator=generator)) is None


@pytest.mark.parametrize(("n", "m"), [(784, 50), (57, 130), (1, 64), (113, 1)])
@pytest.mark.parametrize(("decay", "momentum"), [(0.0, 0.5), (0.01, 0.9), (0.01, 0.0)])
@pytest.mark.parametrize("rounded", [False, True])
def test_a_descent_is_that_of_torch(n, m, decay, momentum, rounded):
    """States of both kinds, tiles that are full and that are not; with the packed copy, means that are exact in it."""
    generator = seeded(n + m)
    weights, velocity = torch.randn(n, m, generator=generator), torch.zeros(n, m)
    packed = PackedWeights(weights) if rounded else None
    reference = torch.nn.Parameter(weights.clone())
    optimizer = torch.optim.SGD([reference], lr=0.1, momentum=momentum, weight_decay=decay)
    for cases, scale in ((100, 1.0), (300, 1.0), (50, -1.0), (37, 0.7)):
        x, other = (scale * (torch.rand(k, n, generator=generator) < 0.2) for k in (cases, 61))
        # Whole numbers of 16 bits under both factors, of which one is twice the other.
        y, other_y = (2 * torch.randint(2**14, (k, m), generator=generator) / (2**15 - 1) for k in (cases, 61))
        reference.grad = x.T @ y / 128 - other.T @ other_y / 64
        optimizer.step()
        numbers = Descent(decay, momentum, 0.1)
        descend(weights, velocity, (x, y, 1 / 128), (other, other_y, -1 / 64), numbers, packed)
        torch.testing.assert_close(weights, reference.data, rtol=1e-5, atol=1e-6)
        if momentum:
            torch.testing.assert_close(velocity, optimizer.state[reference]["momentum_buffer"], rtol=1e-5, atol=1e-6)
        if packed is not None:
            fresh = PackedWeights(weights)
            assert torch.equal(packed.rows, fresh.rows)
            assert torch.equal(packed.columns, fresh.columns)


@pytest.mark.parametrize("largest", [1.0, 4.0])
def test_a_descent_with_rounded_means_is_off_by_their_rounding(largest):
    """By 2^-16 of the largest one for every one at most, and hardly at all on average."""
    generator = seeded(3)
    x, other = ((torch.rand(k, 90, generator=generator) < 0.3).float() for k in (300, 201))
    y, other_y = (largest * torch.rand(k, 70, generator=generator) for k in (300, 201))
    weights, packed = torch.zeros(90, 70), PackedWeights(torch.zeros(90, 70))
    exact = other.double().T @ other_y.double() / 201 - x.double().T @ y.double() / 300
    numbers = Descent(0.0, 0.0, 1.0)
    descend(weights, None, (x, y, 1 / 300), (other, other_y, -1 / 201), numbers, packed, largest=largest)
    off, count = weights.double() - exact, (x.sum(0) + other.sum(0))[:, None]
    assert (off.abs() <= count * largest / 201 / 2**16 * 1.001 + 1e-6 * largest).all()
    assert 1e-8 < off.std() < 1e-5
    assert abs(off.mean()) < 1e-6


@pytest.mark.parametrize(("chains", "cases"), [(1000, 10), (10, 1000), (5, 0)])
@pytest.mark.parametrize("packs", [True, False])
def test_small_means_of_a_phase_of_many_cases_count(chains, cases, packs):
    """Many are below a unit of the other phase, whose means count a hundred times as much; each may lose 2^-16."""
    generator, weights = seeded(), torch.zeros(90, 70)
    x, other = torch.ones(chains, 90), torch.ones(cases, 90)
    y, other_y = (0.002 * torch.rand(k, 70, generator=generator) for k in (chains, cases))
    packed = PackedWeights(weights) if packs else None
    terms = (x, y, 1 / chains), (other, other_y, -1 / max(cases, 1))
    descend(weights, None, *terms, Descent(0.0, 0.0, 1.0), packed)
    expected = other_y.mean(0) if cases else torch.zeros(70)
    torch.testing.assert_close(weights, (expected - y.mean(0)).expand(90, 70), rtol=0, atol=2 * 2**-16)


def test_a_step_that_outgrows_the_scale_packs_anew():
    weights, x, y = 0.5 * torch.ones(90, 70), torch.ones(40, 90), torch.ones(40, 70)
    packed = PackedWeights(weights)
    for factor in (-1.0, 0.1, 0.925, -1e6, torch.inf):  # the weights are -39.5, -35.5, 1.5, and without bound
        descend(weights, None, (x, y, -factor), (x[:0], y[:0], 1.0), Descent(0.0, 0.0, 1.0), packed)
        fresh = PackedWeights(weights)
        assert torch.equal(packed.rows, fresh.rows)
        assert torch.equal(packed.columns, fresh.columns)
        assert np.array_equal(packed.scales[:1], fresh.scales[:1], equal_nan=True)


@pytest.mark.parametrize("cases", [1, 31, 33, 40])
@pytest.mark.parametrize("rounded", [False, True])
def test_a_phase_may_be_empty_and_of_any_length(rounded, cases):
    x, y = (torch.rand(cases, 90, generator=seeded()) < 0.3).float(), torch.ones(cases, 70)
    for model, data in (((x, y, 1.0), (x[:0], y[:0], 1.0)), ((x[:0], y[:0], 1.0), (x, y, 1.0))):
        weights = torch.zeros(90, 70)
        descend(weights, None, model, data, Descent(0.0, 0.0, 1.0), packed_weights(weights, True) if rounded else None)
        torch.testing.assert_close(weights, -x.T @ y)


@pytest.mark.parametrize(("n", "m"), [(784, 50), (57, 130), (1, 64), (113, 1)])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize("rounded", [False, True])
def test_a_centred_descent(n, m, momentum, rounded):
    """With rounded means it is off by 2^-16 of the terms at most, of which a fifth are not 0, and less than 1."""
    generator = seeded(n + m)
    weights, velocity = torch.zeros(n, m), torch.zeros(n, m)
    x, other = ((torch.rand(k, n, generator=generator) < 0.2).float() for k in (140, 60))
    y, other_y = torch.rand(140, m, generator=generator), torch.rand(60, m, generator=generator)
    visible, hidden = torch.rand(n, generator=generator), torch.rand(m, generator=generator)
    # (x - a)(y - b) averaged over the model less that over the data
    centred = [(a - visible).T @ (b - hidden) / len(a) for a, b in ((x, y), (other, other_y))]
    expected = centred[0] - centred[1]
    offsets = Offsets(visible, hidden, y.mean(0) - other_y.mean(0))
    packed = PackedWeights(weights) if rounded else None
    dots, sums = descend(
        weights, velocity, (x, y, 1 / 140), (other, other_y, -1 / 60), Descent(0.0, momentum, 1.0), packed, offsets
    )
    off = 1e-5
    torch.testing.assert_close(velocity, expected if momentum else torch.zeros(n, m), rtol=1e-4, atol=off)
    torch.testing.assert_close(weights, -expected, rtol=1e-4, atol=off)
    torch.testing.assert_close(dots, -weights @ hidden, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(sums, visible @ -weights, rtol=1e-3, atol=1e-4)


def test_normal_states_follow_their_distribution():
    """Kolmogorov-Smirnov on 10^6 numbers, and on pairs from one radius and angle; false-alarm rate 1e-4 each."""
    mean, deviation = torch.linspace(-3, 3, 1000), torch.linspace(0.5, 2, 1000)
    state = sample_normal(mean.repeat(1000, 1), deviation, seeded(4))
    standard = ((state - mean) / deviation).double().numpy()
    assert stats.kstest(standard.ravel(), "norm").pvalue > 1e-4
    assert stats.kstest(standard[:, :500].ravel() ** 2 + standard[:, 500:].ravel() ** 2, "chi2", (2,)).pvalue > 1e-4
    assert abs(np.corrcoef(standard[:, :500].ravel(), standard[:, 500:].ravel())[0, 1]) < 4 / np.sqrt(500_000)
    assert torch.equal(state, sample_normal(mean.repeat(1000, 1), deviation, seeded(4)))


def test_normal_states_are_box_and_mullers():
    """The same uniform numbers, in float64 with the library's functions."""
    uniform = uniform_of(seeded(5), 100, 100).double()
    radius = (-2 * torch.log1p(-uniform[:, :50])).sqrt()
    angle = 2 * torch.pi * (uniform[:, 50:] - 0.5)
    expected = torch.cat([radius * angle.cos(), radius * angle.sin()], 1)
    found = sample_normal(torch.zeros(100, 100), torch.ones(100), seeded(5)).double()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=2e-6)


def test_the_number_of_threads_does_not_change_a_case_beside_one_that_is_not_binary():
    """Of sparse states and dense ones, with sums that float32 has to round."""
    for density in (0.05, 0.9):
        states = (torch.rand(101, 9000, generator=seeded()) < density).float()
        packed = PackedWeights(0.8 + 0.2 * torch.rand(9000, 70, generator=seeded(1)))
        alone = packed.hidden_field(states)
        states[50] *= 0.3
        others = torch.arange(101) != 50
        first, *found = with_threads(lambda states=states, packed=packed: packed.hidden_field(states))
        assert all(torch.equal(other, first) for other in found)
        assert torch.equal(first[others], alone[others])


def test_means_are_sigmoids():
    field, bias = 20 * torch.randn(50, 300, generator=seeded()), torch.randn(300, generator=seeded(1))
    torch.testing.assert_close(mean_of_field(field, bias), torch.sigmoid(field + bias), rtol=1e-5, atol=1e-30)
    with pytest.raises(RuntimeError):
        mean_of_field(field, bias[:200])


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0, 1000.0])
def test_sums_of_softplus_are_those_of_torch(scale):
    field, bias = scale * torch.randn(50, 300, generator=seeded()), scale * torch.randn(300, generator=seeded(1))
    expected = torch.nn.functional.softplus(field.double() + bias.double()).sum(-1)
    torch.testing.assert_close(sum_of_softplus(field, bias).double(), expected, rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize(("cases", "n", "m"), [(1, 300, 40), (17, 31, 500), (130, 784, 500)])
def test_averages_are_those_of_torch_whatever_the_threads(cases, n, m):
    visible, field = (
        torch.rand(cases, n, generator=seeded()).lt(0.2).float(),
        torch.randn(cases, m, generator=seeded(1)),
    )
    bias = torch.randn(m, generator=seeded(2))
    expected = torch.sigmoid(field + bias)
    expected = expected, visible.mean(0), expected.mean(0)
    first, *others = with_threads(lambda: binary_averages(visible, field, bias))
    for found in (first, *others):
        for ours, theirs, one in zip(found, expected, first, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=2e-5, atol=1e-7)
            assert torch.equal(ours, one)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_a_step_of_the_layers_is_that_of_torch(momentum):
    parts = [torch.randn(4, size, generator=seeded(size)) for size in (1, 30, 700)]
    references = [torch.nn.Parameter(part[0].clone()) for part in parts]
    optimizer = torch.optim.SGD(references, lr=0.1, momentum=momentum)
    steps = [
        LayerStep(part[0], torch.zeros_like(part[0]) if momentum else None, *part[1:3], correction)
        for part, correction in zip(parts, (None, parts[1][3], parts[2][3]), strict=True)
    ]
    for _ in range(2):
        for reference, step in zip(references, steps, strict=True):
            reference.grad = 0.7 * (step.model - step.data) - (0 if step.correction is None else step.correction)
        optimizer.step()
        descend_layers(steps, Descent(0.0, momentum, 0.1), scale=0.7)
    for reference, step in zip(references, steps, strict=True):
        torch.testing.assert_close(step.parameter, reference.detach(), rtol=1e-5, atol=1e-6)
        if momentum:
            torch.testing.assert_close(
                step.velocity, optimizer.state[reference]["momentum_buffer"], rtol=1e-5, atol=1e-6
            )


def test_what_kernels_take():
    large = torch.zeros(100, 100)
    assert kernels_take(large)
    assert not kernels_take(large.double())
    assert not kernels_take(large.T[:, :50])
    assert not kernels_take(torch.zeros(10))
    assert not kernels_take(torch.nn.Parameter(large))  # autograd may ask for a gradient
    with torch.no_grad():
        assert kernels_take(torch.nn.Parameter(large))


def print_a_digest_of_what_every_kernel_computes():
    """Run in a process of its own by the test below, once while kernels are compiled and once from the cache."""
    generator = seeded()
    weights, visible = (
        torch.randn(200, 70, generator=generator),
        torch.rand(150, 200, generator=generator).lt(0.13).float(),
    )
    hidden, bias = torch.rand(150, 70, generator=generator), torch.randn(70, generator=generator)
    field, phase = visible @ weights, (visible, hidden, 0.01)
    offsets = Offsets(torch.rand(200, generator=generator), *torch.rand(2, 70, generator=generator))
    packed, velocity, numbers = PackedWeights(weights), torch.zeros_like(weights), Descent(1e-3, 0.5, 0.3)
    out = [packed.hidden_field(visible), sum_of_softplus(field, bias), sample_from_field(field, bias, seeded(1))]
    out += [sample_normal(field, bias.abs(), seeded(2)), sample_from_probability(hidden, seeded(3))]
    out += descend(weights, velocity, phase, phase, numbers, packed, offsets)
    out += descend(weights, velocity, phase, phase, numbers, None, offsets)
    out += [PackedWeights(weights, rounded=False).hidden_field(visible), mean_of_field(field, bias)]
    out += binary_averages(visible, field, bias)
    if backend.multiplies_pairs():
        out += packed.sweeper().sweep(field, (torch.zeros(200), bias), 2, seeded(4))
    if backend.has_tiles():
        tiled = TiledWeights(weights)
        out += [tiled.hidden_field(visible), TiledWeights(weights, rounded=False).hidden_field(visible)]
        out += descend(weights, velocity, phase, phase, numbers, tiled, offsets)
        out += tiled.sweeper().sweep(field, (torch.zeros(200), bias), 2, seeded(4))
    out += [weights, velocity, packed.rows, packed.columns]
    print(*(hashlib.md5(x.numpy().tobytes()).hexdigest()[:8] for x in out))


def test_a_process_that_compiles_kernels_computes_what_one_with_a_cache_does(tmp_path):
    code = "import test_compiled; test_compiled.print_a_digest_of_what_every_kernel_computes()"
    here = os.path.dirname(__file__)
    path = os.pathsep.join([here, os.path.dirname(here)])  # of `support` too
    environment = dict(os.environ, NUMBA_CACHE_DIR=str(tmp_path), PYTHONPATH=path)
    digests = [subprocess.check_output([sys.executable, "-c", code], env=environment, text=True) for _ in range(2)]
    assert any(tmp_path.rglob("*.nbc")), "the second process finds what the first has compiled"
    assert digests[0] == digests[1]


def test_without_an_openmp_of_that_kind_one_thread_does_it_all(monkeypatch):
    expected = sample_from_field(torch.zeros(100, 100), torch.zeros(100), seeded())
    monkeypatch.setattr(threads, "_openmp", lambda: None)
    assert torch.equal(sample_from_field(torch.zeros(100, 100), torch.zeros(100), seeded()), expected)


def test_plain_torch_where_the_switch_says_so(monkeypatch):
    backend.why_not.cache_clear()
    monkeypatch.setenv(backend.SWITCH, "torch")
    assert not kernels_take(torch.zeros(100, 100))
    assert backend.why_not() == "HARMONIUM_KERNELS is torch"
    monkeypatch.undo()
    backend.why_not.cache_clear()


def test_kernels_that_a_processor_cannot_have_are_an_import_error():
    """LLVM would end the process that compiles them, such as one that collects doctests."""
    code = "import harmonium.kernels.compiled.tiles"
    environment = {**os.environ, "NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ImportError: the processor for which kernels are compiled has no matrix registers" in done.stderr


@pytest.mark.parametrize(
    ("name", "can", "faster"),
    [
        ("Intel Xeon", ["avx512_bf16"], False),  # two cycles a register
        ("Intel Xeon", ["avx512_bf16", "amx_bf16"], True),
        ("AMD EPYC", ["avx512_bf16"], True),
        ("AMD EPYC", [], False),
    ],
)
def test_bfloat16_is_taken_where_it_is_faster(name, can, faster, monkeypatch):
    monkeypatch.setattr(backend, "_capabilities", lambda: {"cpu_name": name, **dict.fromkeys(can, True)})
    monkeypatch.setattr(backend, "has", backend.has.__wrapped__)
    assert backend.multiplies_bfloat16() == faster
