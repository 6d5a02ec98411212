"""One pass over the weights does what torch's SGD does, and runs that use it resume exactly."""

import math

import pytest
import torch

from harmonium import kernels, packed
from harmonium.data import Cases, Dataset
from harmonium.errors import InputError
from harmonium.kernels import PackedWeights, backend, packed_weights
from harmonium.packed import PackedRBM, RoundedRBM
from harmonium.rbm import RBM
from harmonium.training import Settings, descent, loop, materials, resume_run, start, start_run, train

pytestmark = pytest.mark.skipif(bool(backend.why_not()), reason="the compiled kernels are switched off")


def sparse_data(cases=600, width=700, seed=0, density=0.15):
    generator = torch.Generator().manual_seed(seed)
    shapes = (torch.rand(4, width, generator=generator) < density).float()
    return Dataset("shapes", Cases(shapes[torch.randint(4, (cases,), generator=generator)]))


def trained(monkeypatch=None, data=None, **changes):
    settings = Settings(**{"hidden": 100, "epochs": 3, "learning_rate": 0.05, "binarize": "none", **changes})
    data = materials(data or sparse_data(), settings, validation=0)
    state = start(settings, data)
    if monkeypatch is not None:
        monkeypatch.setattr(descent, "_descend", lambda *arguments: False)
    for _ in train(state, data):
        pass
    return state


@pytest.mark.parametrize("method", ["cd", "pcd"])
@pytest.mark.parametrize("gradient", ["plain", "centered"])
@pytest.mark.parametrize("batch_size", [100, 250])
def test_the_pass_over_the_weights_is_torchs_sgd(method, gradient, batch_size, monkeypatch):
    """In float32 the two runs draw the same numbers and differ by rounding, until a state falls the other way.

    Of 600 examples the last batch of 250 has but 100, and counts by its share.
    """
    calls, changes = [], {"method": method, "gradient": gradient, "batch_size": batch_size}
    with monkeypatch.context() as patch:
        patch.setattr(descent, "descend", lambda *given: calls.append(1) or kernels.descend(*given))
        ours = trained(precision="float32", epochs=1, **changes)
    theirs = trained(monkeypatch, precision="float32", epochs=1, **changes)
    assert len(calls) == ours.update - 1  # the first step makes torch's momentum
    torch.testing.assert_close(ours.rbm.weights, theirs.rbm.weights, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(ours.rbm.hidden.bias, theirs.rbm.hidden.bias, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(ours.rbm.visible.bias, theirs.rbm.visible.bias, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("density", [0.15, 0.5])
@pytest.mark.parametrize("units", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("gradient", ["plain", "centered"])
def test_a_rounded_step_is_torchs_sgd_nearly(density, units, gradient, tiles, monkeypatch):
    """Of sparse and dense states, of bounded means and of others; one update, so that all draw the same states."""
    calls = []
    changes = {"method": "cd", "precision": "mixed", "epochs": 1, "batch_size": 600, "momentum": 0.0}
    changes |= {"hidden_units": units, "gradient": gradient, "data": sparse_data(density=density)}
    with monkeypatch.context() as patch:
        patch.setattr(descent, "descend", lambda *given: calls.append(1) or kernels.descend(*given))
        patch.setattr(loop, "prepared", lambda *_: None)
        ours = trained(**changes)
    assert len(calls) == 1
    theirs = trained(monkeypatch, **changes)
    assert follows(ours)
    off = 0.1 if tiles and units == "gaussian" else 1e-3  # bfloat16 keeps 8 bits of means that are not bounded
    for name, tensor in theirs.rbm.state_dict().items():
        torch.testing.assert_close(ours.rbm.state_dict()[name], tensor, rtol=1e-3, atol=off * 0.05)


def test_how_large_means_are_is_seen_in_both_phases():
    """A mean beyond that would wrap round; one that is not a number makes the step so."""
    few, offsets = torch.ones(2, 3), kernels.Offsets(torch.zeros(3), torch.full((3,), 2.0), torch.zeros(3))
    for terms in (((few, few, 1.0), (few, -3 * few, 1.0)), ((few, -3 * few, 1.0), (few, few, 1.0))):
        assert descent._largest(terms, None) == 3
        assert descent._largest(terms, offsets) == 5
        assert math.isnan(descent._largest((terms[0], (few, math.nan * few, 1.0)), None))
    weights, packed = torch.zeros(3, 3), PackedWeights(torch.zeros(3, 3))
    kernels.descend(weights, None, *terms, kernels.Descent(0.0, 0.0, 1.0), packed, largest=math.nan)
    assert weights.isnan().all()


@pytest.mark.parametrize("gradient", ["plain", "centered", "enhanced"])
@pytest.mark.parametrize("shape", [(900, 10), (10, 900)])
def test_a_rounded_step_of_weighted_states_is_that_of_float32_nearly(gradient, shape):
    """The exact gradient enumerates the smaller layer, whose states count by their probabilities."""
    changes = {"method": "exact", "epochs": 2, "gradient": gradient}
    found = []
    for kind in ("float32", "mixed"):
        settings = Settings(hidden=shape[1], learning_rate=0.05, binarize="none", precision=kind, **changes)
        data = materials(sparse_data(width=shape[0]), settings, validation=0)
        state = start(settings, data)
        for _ in train(state, data):
            pass
        found.append(state.rbm)
    for name, tensor in found[0].state_dict().items():
        torch.testing.assert_close(found[1].state_dict()[name], tensor, rtol=0.02, atol=0.01)


def follows(state):
    copy, fresh = state.sampled.packed, packed_weights(state.rbm.weights.detach(), rounded=True)
    return torch.equal(copy.rows, fresh.rows) and torch.equal(copy.columns, fresh.columns)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_copies_follow_the_weights(optimizer, tiles):
    assert follows(trained(optimizer=optimizer, precision="mixed"))
    exact = trained(optimizer=optimizer, precision="float32")
    assert type(exact.sampled) is PackedRBM
    assert torch.equal(exact.sampled.packed.rows, packed_weights(exact.rbm.weights.detach(), rounded=False).rows)


def test_mixed_precision_is_the_default_where_it_gains(monkeypatch):
    for multiplies, kind in ((True, RoundedRBM), (False, PackedRBM)):
        monkeypatch.setattr(packed, "multiplies_pairs", lambda multiplies=multiplies: multiplies)
        assert type(trained(epochs=1).sampled) is kind
        assert type(trained(epochs=1, hidden=3).sampled) is RBM


def test_a_resumed_run_is_bit_for_bit_the_uninterrupted_one(tmp_path):
    whole = trained(epochs=4, method="pcd")
    settings = whole.settings
    run, state, data = start_run(tmp_path / "run", _saved(tmp_path), settings, validation="0")
    for _ in run.train(state, data, stop_after=2):
        pass
    run, state, data = resume_run(tmp_path / "run")
    for _ in run.train(state, data):
        pass
    for name, tensor in whole.rbm.state_dict().items():
        assert torch.equal(state.rbm.state_dict()[name], tensor), name


def _saved(folder):
    import numpy as np

    np.save(folder / "shapes.npy", sparse_data().train.values.numpy())
    return str(folder / "shapes.npy")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"precision": "mixd"}, "did you mean 'mixed'"),
        ({"precision": "mixed", "hidden": 3}, "mixed precision gains nothing here"),
    ],
)
def test_wrong_precision(changes, message):
    with pytest.raises(InputError, match=message):
        trained(**changes)
