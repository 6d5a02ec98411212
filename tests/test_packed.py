"""The model as samplers see it: packed for sparse products, and rounded under mixed precision."""

import copy

import pytest
import torch

from harmonium import RBM, packed
from harmonium.errors import InputError
from harmonium.kernels import backend, packed_weights, products, tiled
from harmonium.kernels.sweeps import Sweeper
from harmonium.packed import PackedRBM, RoundedRBM, gains, packed_if_faster, rounded_if_faster
from harmonium.sampling import check_kernel, dream, gibbs
from harmonium.sampling.dreams import film
from harmonium.units import Bernoulli, Gaussian
from support import with_threads

pytestmark = pytest.mark.skipif(bool(backend.why_not()), reason="the compiled kernels are switched off")


def wide_rbm():
    generator = torch.Generator().manual_seed(0)
    return RBM(Bernoulli(700), Bernoulli(100), weights=torch.randn(700, 100, generator=generator))


def states(density, width, generator):
    return (torch.rand(50, width, generator=generator) < density).float()


@pytest.mark.parametrize("density", [0.1, 0.5, 0.9])
def test_fields_of_packed_weights_are_those_of_the_model(density, tiles, generator):
    rbm = wide_rbm()
    seen = packed_if_faster(rbm.requires_grad_(False))
    assert type(seen) is PackedRBM
    assert packed_if_faster(seen) is seen
    v, h = states(density, 700, generator), states(density, 100, generator)
    torch.testing.assert_close(seen.hidden_field(v), rbm.hidden_field(v), rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(seen.visible_field(h), rbm.visible_field(h), rtol=1e-5, atol=1e-4)


def test_weights_are_rounded_for_samplers_where_that_is_faster(monkeypatch):
    for pairs, kind in ((True, RoundedRBM), (False, PackedRBM)):
        monkeypatch.setattr(packed, "multiplies_pairs", lambda pairs=pairs: pairs)
        assert type(rounded_if_faster(wide_rbm())) is kind
        assert type(rounded_if_faster(RBM(Bernoulli(8), Bernoulli(3)))) is RBM


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("density", [0.1, 0.5, 0.9])
def test_fields_are_those_of_the_rounded_weights(density, pairs, tiles, generator, monkeypatch):
    rbm = wide_rbm()
    monkeypatch.setattr(packed, "multiplies_pairs", lambda: pairs)
    seen = RoundedRBM(rbm)
    v, h = states(density, 700, generator), states(density, 100, generator)
    # A weight is off by 2^-8 of itself at most, or by half of 2^-12, as the largest is between 4 and 8.
    for found, exact, size, count in (
        (seen.hidden_field(v), rbm.hidden_field(v), v @ rbm.weights.abs(), v.sum(1)),
        (seen.visible_field(h), rbm.visible_field(h), h @ rbm.weights.abs().T, h.sum(1)),
    ):
        bound = size * 2**-8 if tiles else count[:, None] * 2**-13
        assert ((found - exact).abs() <= bound + 1e-4).all()


def test_rows_are_added_for_what_is_not_as_usual(generator, monkeypatch):
    """Units that are mostly on count as those that are mostly off; only without a usual state is a product dense."""
    monkeypatch.setattr(packed, "has_tiles", lambda: False)
    monkeypatch.setattr(tiled, "has_tiles", lambda: False)
    rbm, calls = wide_rbm(), []
    seen, dense = PackedRBM(rbm), PackedRBM._dense_product
    monkeypatch.setattr(PackedRBM, "_dense_product", staticmethod(lambda *given: calls.append(1) or dense(*given)))
    often = torch.where(torch.arange(100) % 2 == 0, 0.1, 0.9)
    mixed = (torch.rand(50, 100, generator=generator) < often).float()
    assert seen.visible_field(mixed[:0]).shape == (0, 700)
    calls.clear()
    for h in (mixed, 2 * mixed - 1, 0.5 - 0.4 * mixed, mixed[:1], mixed[:3]):
        torch.testing.assert_close(seen.visible_field(h), rbm.visible_field(h), rtol=1e-5, atol=1e-4)
    assert not calls
    for h in (states(0.5, 100, generator), torch.randn(50, 100, generator=generator)):
        torch.testing.assert_close(seen.visible_field(h), rbm.visible_field(h), rtol=1e-5, atol=1e-4)
    assert len(calls) == 2


@pytest.mark.parametrize("density", [0.1, 0.5])
def test_products_follow_the_weights(density, generator):
    rbm, v = wide_rbm(), states(density, 700, generator)
    seen = RoundedRBM(rbm)
    before = seen.hidden_field(v)
    with torch.no_grad():
        rbm.weights.mul_(2)
    torch.testing.assert_close(seen.hidden_field(v), 2 * before)


def test_products_follow_a_fused_optimiser(generator):
    """Its steps do not count up the version of a tensor."""
    rbm, v = wide_rbm(), states(0.5, 700, generator)
    seen = RoundedRBM(rbm)
    before = seen.hidden_field(v)
    rbm.weights.grad = -rbm.weights.detach().clone()
    torch.optim.SGD([rbm.weights], lr=1.0, fused=True).step()
    seen.refresh()
    torch.testing.assert_close(seen.hidden_field(v), 2 * before)


def test_dense_states_of_which_pairs_make_no_products_are_multiplied_with_the_weights(generator, monkeypatch):
    monkeypatch.setattr(packed, "has_tiles", lambda: False)
    rbm, h = wide_rbm(), torch.rand(50, 100, generator=generator)
    assert torch.equal(RoundedRBM(rbm).visible_field(h), rbm.visible_field(h))
    monkeypatch.setattr(packed, "multiplies_pairs", lambda: False)
    assert torch.equal(RoundedRBM(rbm).visible_field(h.round()), rbm.visible_field(h.round()))


def test_it_shares_the_parameters_and_takes_them_over():
    rbm = wide_rbm()
    seen = RoundedRBM(rbm)
    assert seen.weights is rbm.weights
    assert seen.hidden is rbm.hidden
    rbm.weights.data.mul_(2)
    seen.refresh()
    assert torch.equal(seen.packed.rows, packed_weights(rbm.weights.detach(), rounded=True).rows)


def test_the_copy_follows_only_the_steps_that_did_not_write_it():
    rbm = wide_rbm()
    seen = RoundedRBM(rbm)
    rows = seen.packed.rows
    before = rows.clone()
    rbm.weights.data.mul_(2.5)
    seen.stepped_with_packed()
    assert torch.equal(seen.packed.rows, before)
    seen.refresh()
    assert not torch.equal(seen.packed.rows, before)
    assert seen.packed.rows is rows


def test_where_it_gains():
    with torch.no_grad():
        assert gains(wide_rbm())
        assert not gains(RBM(Bernoulli(50), Bernoulli(50)))
        assert not gains(RBM(Gaussian(700), Bernoulli(100)))
        assert not gains(wide_rbm().double())


def test_chains_of_the_rounded_model_keep_the_distribution_of_the_rounded_weights(tiles, generator, monkeypatch):
    """Stationarity, false-alarm rate 1e-4 each; in float32, so that the compiled kernels do the work."""
    rbm = RBM(Bernoulli(6), Bernoulli(4), weights=1.5 * torch.randn(6, 4, generator=generator).bfloat16().float())
    seen = RoundedRBM(rbm)
    monkeypatch.setattr(products, "SPARSE", 1.0)  # rows are added, however many

    class Rounded:
        init = staticmethod(lambda _, visible: gibbs.init(seen, visible))
        step = staticmethod(lambda _, state, generator: gibbs.step(seen, state, generator))

    assert check_kernel(Rounded(), rbm, generator).passed


@pytest.mark.parametrize("kind", [PackedRBM, RoundedRBM])
def test_sweeps_of_binary_chains_take_one_pass_where_kernels_multiply_all(kind, tiles, generator, monkeypatch):
    """And of no others, nor of so few that threads would be idle, or that torch would draw one of their layers."""
    calls, kept = [], Sweeper.sweep
    monkeypatch.setattr(Sweeper, "sweep", lambda *given: calls.append(1) or kept(*given))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    rbm = wide_rbm().requires_grad_(False)
    seen, mixed = kind(rbm), kind(RBM(rbm.visible, Gaussian(100), weights=rbm.weights))
    in_one_pass = tiles or (kind is RoundedRBM and backend.multiplies_pairs())
    for model, chains, expected in ((seen, 90, 1), (seen, 70, 0), (seen, 20, 0), (mixed, 90, 0)):
        field, before = torch.randn(chains, 100, generator=generator), len(calls)
        visible, found = model.sweep(field, 2, generator)
        close = 2e-2 if kind is RoundedRBM else 1e-4
        torch.testing.assert_close(found, rbm.hidden_field(visible), rtol=close, atol=30 * close)
        assert len(calls) - before == (expected if in_one_pass else 0)


@pytest.mark.parametrize("kind", [PackedRBM, RoundedRBM])
@pytest.mark.parametrize("chains", [20, 70, 90, 200])
def test_a_walk_of_a_packed_model_is_so_many_steps_on_any_threads(kind, chains, tiles):
    """On either side of where samplers are compiled, for one layer or both; and so are the frames of a film."""
    seen = kind(wide_rbm().requires_grad_(False))
    state = gibbs.init_from_noise(seen, chains, torch.Generator().manual_seed(0))
    expected, generator, layers = state, torch.Generator().manual_seed(1), (seen.visible, seen.hidden)
    for _ in range(3):
        expected = gibbs.GibbsState(*RBM.sweep_between(seen, expected.hidden_field, layers, 1.0, 1, generator))
    for found in with_threads(lambda: gibbs.walk(seen, state, 3, torch.Generator().manual_seed(1)), (1, 2, 5)):
        assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))
    ends = [dream(seen, state, 12, torch.Generator().manual_seed(1)).visible]
    for every in (4, 5):
        *_, last = film(seen, state, 12, torch.Generator().manual_seed(1), every=every)
        ends.append(last.visible)
    assert all(torch.equal(end, ends[0]) for end in ends)


@pytest.mark.parametrize("made", [PackedRBM, RoundedRBM])
def test_sweeps_of_other_layers_are_those_of_the_model_that_has_them(made, tiles, generator):
    """The layers of a temperature, and fields times beta; as the class above does it one half after the other."""
    seen, layers = made(wide_rbm().requires_grad_(False)), (Bernoulli(700), Bernoulli(100))
    for layer in layers:
        layer.bias.data = torch.randn(layer.size, generator=generator)
    field = torch.randn(120, 100, generator=generator)
    found, expected = (
        kind.sweep_between(seen, field, layers, 0.37, 2, torch.Generator().manual_seed(1)) for kind in (PackedRBM, RBM)
    )
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))


@pytest.mark.parametrize(("width", "sweeps", "message"), [(100, 0, "at least one sweep"), (200, 1, "200 columns")])
def test_sweeps_that_cannot_be(width, sweeps, message, tiles):
    seen = PackedRBM(wide_rbm().requires_grad_(False))
    with pytest.raises(InputError, match=message):
        seen.sweep(torch.zeros(100, width), sweeps)


def test_a_copy_of_the_model_sees_its_own_weights(generator):
    seen, v = RoundedRBM(wide_rbm().requires_grad_(False)), states(0.1, 700, generator)
    before = seen.hidden_field(v)
    for _ in range(3):
        seen.weights += 0
    copied = copy.deepcopy(seen)
    for _ in range(5):
        copied.weights *= 2
        before = 2 * before
        torch.testing.assert_close(copied.hidden_field(v), before)


def test_other_kinds_of_numbers_and_gradients_are_left_to_torch(generator):
    seen, v = PackedRBM(wide_rbm()), states(0.5, 700, generator).requires_grad_()
    (gradient,) = torch.autograd.grad(seen.free_energy(v).sum(), v)
    assert gradient.abs().max() > 1
    wide = copy.deepcopy(seen).double()
    torch.testing.assert_close(wide.hidden_field(v.detach().double()), v.detach().double() @ wide.weights)
