"""Updates by prepared calls are those of the general way, bit for bit, and leave what they cannot do to it."""

import copy

import pytest
import torch

from harmonium import packed
from harmonium.data import Cases, Dataset
from harmonium.gradients import make_estimator
from harmonium.kernels import backend
from harmonium.training import Settings, loop, materials, start, train
from harmonium.training.prepared import prepared
from support import with_threads

pytestmark = pytest.mark.skipif(
    bool(backend.why_not()) or not backend.multiplies_pairs(), reason="the processor multiplies no pairs of 16 bits"
)


def shapes(cases=330, width=500, seed=0):
    generator = torch.Generator().manual_seed(seed)
    kinds = (torch.rand(4, width, generator=generator) < 0.2).float()
    return kinds[torch.randint(4, (cases,), generator=generator)]


def started(values=None, **changes):
    changes = {"hidden": 130, "epochs": 2, "batch_size": 100, "chains": 130, "precision": "mixed", **changes}
    settings = Settings(**{"learning_rate": 0.05, "binarize": "none", **changes})
    data = materials(Dataset("shapes", Cases(shapes() if values is None else values)), settings, validation=0)
    return start(settings, data), data


def trained(way=prepared, values=None, **changes):
    """Return the state after training, and how many updates were prepared."""
    state, data = started(values, **changes)
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "prepared", lambda *given: found.append(way(*given)) or found[-1])
        for _ in train(state, data):
            pass
    return state, sum(ready is not None for ready in found)


def in_general(*_):
    """Prepare nothing."""


@pytest.mark.parametrize("method", ["cd", "pcd"])
@pytest.mark.parametrize("gradient", ["plain", "centered", "enhanced"])
@pytest.mark.parametrize(("steps", "momentum"), [(1, 0.5), (3, 0.0)])
def test_the_general_way_does_the_same(method, gradient, steps, momentum, tiles):
    """Of four batches an epoch the last one has but 30 examples, and goes the general way."""
    changes = {"method": method, "gradient": gradient, "steps": steps, "momentum": momentum, "schedule": "linear"}
    ours, count = trained(**changes)
    theirs, none = trained(in_general, **changes)
    assert (count, none) == (6 if momentum == 0 else 5, 0)  # the first step makes torch's momentum
    there = theirs.tensors()
    for name, tensor in ours.tensors().items():
        assert torch.equal(tensor, there[name]), name


def test_few_states_are_drawn_by_kernels_too_whatever_the_threads(tiles, monkeypatch):
    """The general way leaves so few to torch, whose random numbers are others, unless it is told not to."""
    changes = {"method": "pcd", "momentum": 0.0, "batch_size": 10, "chains": 7}

    def learned():
        state, data = started(**changes)
        for batch in data.train.first(200).split(10):
            loop.update(state, batch)
        return state

    first, *others = with_threads(learned)
    assert first.prepared is not None
    assert all(torch.equal(state.rbm.weights, first.rbm.weights) for state in others)
    state, data = started(**changes)
    for module in (packed, backend):
        monkeypatch.setattr(module, "SMALLEST", 1)
    monkeypatch.setattr(loop, "prepared", in_general)
    for batch in data.train.first(200).split(10):
        loop.update(state, batch)
    assert torch.equal(state.rbm.weights, first.rbm.weights)


def test_what_is_not_prepared():
    for changes in (
        {"optimizer": "adam", "momentum": None},
        {"gradient": "standardized"},
        {"method": "fast-pcd"},
        {"method": "pt"},
        {"l1": 0.01},
        {"max_norm": 1.0},
        {"hidden_units": "gaussian"},
        {"precision": "float32"},
    ):
        assert trained(**{"method": "pcd", "momentum": 0.0, "epochs": 1, **changes})[1] == 0, changes
    grey = shapes()
    grey[:, 0] = 0.5
    assert trained(values=grey, method="pcd", momentum=0.0, epochs=1)[1] == 0


def test_a_grey_state_among_binary_ones_goes_the_general_way():
    """It is seen when the batch is read, before anything has changed."""
    values = shapes()
    values[::7, 400] = 0.5
    ours, count = trained(values=values, method="pcd", momentum=0.0)
    assert count > 0
    theirs, _ = trained(in_general, values=values, method="pcd", momentum=0.0)
    assert torch.equal(ours.rbm.weights, theirs.rbm.weights)


def test_more_chains_and_steps_come_in_between():
    changes = {"method": "pcd", "momentum": 0.0, "chains": 100, "final_chains": 130, "steps": 1, "final_steps": 3}
    ours, count = trained(**changes)
    theirs, _ = trained(in_general, **changes)
    assert 0 < count < ours.update
    assert len(ours.chains.visible) > 100
    assert torch.equal(ours.rbm.weights, theirs.rbm.weights)


def test_calls_are_made_anew_for_other_tensors():
    """After an optimiser is restored, or a model moved, its tensors lie elsewhere."""
    state, data = started(method="pcd", momentum=0.5)
    batch, estimator = data.train.first(100), make_estimator("pcd", 1, 130)
    loop.update(state, batch)
    assert (first := prepared(state, estimator, batch)) is not None
    assert prepared(state, estimator, batch) is first
    state.optimizer.load_state_dict(copy.deepcopy(state.optimizer.state_dict()))
    assert (second := prepared(state, estimator, batch)) is not first
    state.rbm.weights.data = state.rbm.weights.data.clone()
    assert prepared(state, estimator, batch) is not second


def test_a_copy_of_a_state_learns_apart():
    state, data = started(method="pcd", momentum=0.5)
    batch = data.train.first(100)
    for _ in range(2):
        loop.update(state, batch)
    other = copy.deepcopy(state)
    assert state.prepared is not None
    assert other.prepared is None
    before = state.rbm.weights.detach().clone()
    loop.update(other, batch)
    assert torch.equal(state.rbm.weights, before)
    loop.update(state, batch)
    assert torch.equal(state.rbm.weights, other.rbm.weights)
