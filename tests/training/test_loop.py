import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from harmonium.data import load
from harmonium.errors import InputError
from harmonium.gradients import Exact, state_statistics
from harmonium.kernels import backend
from harmonium.likelihood import exact_log_probability
from harmonium.sampling import gibbs
from harmonium.training import Settings, materials, recipe, start, train
from harmonium.training.loop import update
from harmonium.training.optimizers import OPTIMIZERS


def trained(name="bars-and-stripes:3x3", **settings):
    settings = Settings(**{"hidden": 9, "hidden_bias": 0.0, "weight_decay": 0.0, **settings})
    data = materials(load(name), settings)
    state = start(settings, data)
    return state, data, list(train(state, data))


@pytest.mark.parametrize(("method", "learning_rate"), [("exact", 1.0), ("cd", 1.0), ("pcd", 0.2)])
def test_learning_raises_the_exact_log_likelihood(method, learning_rate):
    state, data, _ = trained(method=method, epochs=1000, learning_rate=learning_rate, schedule="linear", steps=5)
    before = -9 * np.log(2)
    after = exact_log_probability(state.rbm.double(), data.train.first(99).double()).mean().item()
    assert after > before + 1.5, (before, after)


def test_gaussian_visibles_learn_the_distribution_of_the_data(tmp_path):
    rng = np.random.default_rng(0)
    centres = np.array([[2.0, 0.0, -1.0], [-2.0, 1.0, 1.0]])
    np.save(tmp_path / "a.npy", centres[rng.integers(0, 2, 2000)] + 0.5 * rng.normal(size=(2000, 3)))
    settings = Settings(hidden=4, visible="gaussian", method="pcd", epochs=60, learning_rate=0.02, weight_decay=0.0)
    data = materials(load(str(tmp_path / "a.npy")), settings)
    state = start(settings, data)
    x = data.monitored_validation
    before = exact_log_probability(state.rbm, x).mean()
    for _ in train(state, data):
        pass
    after = exact_log_probability(state.rbm, x).mean()
    assert after > before + 0.5
    assert torch.all(state.rbm.visible.precision > 0)


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_any_optimizer_of_torch(optimizer):
    state, _, records = trained(optimizer=optimizer, epochs=3, method="exact")
    assert len(records) == 3
    assert all(torch.isfinite(parameter).all() for parameter in state.rbm.parameters())


@pytest.mark.parametrize(
    ("schedule", "last"), [("constant", 0.01), ("linear", 0.0), ("cosine", 0.0), ("exponential", 0.0001)]
)
def test_schedules_end_where_they_should(schedule, last):
    _, _, records = trained(schedule=schedule, epochs=20)
    assert records[-1].learning_rate == pytest.approx(last, abs=1e-9)


def test_weight_decay_is_on_the_weights_only():
    state, _, _ = trained(epochs=1, weight_decay=0.1)
    assert [group["weight_decay"] for group in state.optimizer.param_groups] == [0.1, 0.0]
    assert state.optimizer.param_groups[0]["params"] == [state.rbm.weights]


def test_the_number_of_chains_is_free_of_the_batch_size():
    state, _, _ = trained(method="pcd", chains=37, batch_size=5, epochs=2)
    assert state.chains.visible.shape == (37, 9)


def test_a_last_smaller_batch_counts_by_its_share():
    """With plain SGD the steps of an epoch add up; each example must move the model by the same amount."""
    settings = Settings(hidden=3, method="exact", batch_size=10, momentum=0.0, weight_decay=0.0, learning_rate=0.1)
    data = materials(load("bars-and-stripes:3x3"), settings)
    state = start(settings, data)
    batch = data.preparation.prepare(data.train.first(4))
    before = state.rbm.weights.detach().clone()
    with torch.no_grad():
        positive = state_statistics(state.rbm, gibbs.init(state.rbm, batch)).weights
        negative, _ = Exact().model_statistics(state.rbm, None, None, None)
    update(state, batch)
    expected = 0.1 * (4 / 10) * (positive - negative.weights)
    torch.testing.assert_close(state.rbm.weights.detach() - before, expected)


def test_constant_pixels_train_without_a_nan(tmp_path):
    array = np.random.default_rng(0).integers(0, 2, (50, 6)).astype(np.uint8)
    array[:, 0], array[:, 1] = 0, 1
    np.save(tmp_path / "a.npy", array)
    for visible in ("bernoulli", "gaussian"):
        state, _, records = trained(str(tmp_path / "a.npy"), visible=visible, epochs=20, batch_size=7)
        assert all(torch.isfinite(parameter).all() for parameter in state.rbm.parameters())
        assert np.isfinite(records[-1].free_energy_data)


def test_records_tell_what_happened():
    _, data, records = trained("digits", epochs=20, hidden=20, learning_rate=0.05)
    assert [record.epoch for record in records] == list(range(1, 21))
    last = records[-1]
    assert last.update == 20 * -(-len(data.train) // 100)
    assert last.reconstruction_error < records[0].reconstruction_error
    assert last.pseudo_log_likelihood > records[0].pseudo_log_likelihood
    assert last.free_energy_gap is not None
    assert 0 < last.hidden_activity < 1
    assert last.examples_per_second > 0
    assert '"epoch": 20' in last.to_json()


def test_measuring_changes_nothing_in_the_run():
    once, _, _ = trained(epochs=6, method="pcd")
    settings = once.settings
    data = materials(load("bars-and-stripes:3x3"), settings)
    pieces = start(settings, data)
    from harmonium.training.measure import measure

    def look(state):
        measure(state, data, 1.0)

    for _ in train(pieces, data, after_update=look):
        pass
    assert torch.equal(once.rbm.weights, pieces.rbm.weights)


def test_training_stops_where_it_is_told_to():
    settings = Settings(hidden=3, epochs=10, batch_size=2)
    data = materials(load("bars-and-stripes:3x3"), settings)
    state = start(settings, data)
    assert list(train(state, data, after_update=lambda state: state.update == 3)) == []
    assert state.update == 3
    assert [record.epoch for record in train(state, data, stop_after=2)] == [1, 2]
    # A stop at the last update of an epoch ends there, with its record.
    assert [r.epoch for r in train(state, data, after_update=lambda state: state.update == 21)] == [3]
    assert state.update == 21


def test_intensities_without_binarising_have_no_pseudo_likelihood():
    _, _, records = trained("digits", binarize="none", epochs=1)
    assert records[0].pseudo_log_likelihood is None


def test_no_seed_of_torch_is_read_or_set():
    before = torch.get_rng_state()
    trained(epochs=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_constant_gaussian_column_stays_finite_past_any_exponential(tmp_path):
    array = np.random.default_rng(0).normal(size=(200, 3))
    array[:, 1] = 7.0
    np.save(tmp_path / "a.npy", array)
    state, _, _ = trained(str(tmp_path / "a.npy"), visible="gaussian", epochs=2, learning_rate=0.01)
    state.rbm.visible.log_precision.data[1] = 500.0  # where many epochs would have driven it
    data = materials(load(str(tmp_path / "a.npy")), state.settings)
    update(state, data.preparation.prepare(data.train.first(50)))
    assert all(torch.isfinite(parameter).all() for parameter in state.rbm.parameters())
    assert torch.isfinite(state.rbm.free_energy(data.monitored_train)).all()


def test_divergence_is_noticed():
    with pytest.raises(InputError, match="diverged in epoch 1: lower the learning rate"):
        trained("digits", learning_rate=1e30, epochs=2)


class Waits(TorchDispatchMode):
    """Counts the operations that make the host wait for the device."""

    count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        self.count += name in ("_local_scalar_dense", "nonzero", "equal", "is_nonzero", "masked_select")
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("method", ["cd", "pcd"])
@pytest.mark.parametrize("gradient", ["plain", "centered", "standardized"])
def test_an_update_never_waits_for_the_device(method, gradient, monkeypatch):
    """As on a GPU, where the compiled kernels have no part: no operation of an update brings a number to the host."""
    monkeypatch.setattr(backend, "why_not", lambda: "on a GPU")
    settings = recipe("best", hidden=9, epochs=2, method=method, gradient=gradient)
    data = materials(load("bars-and-stripes:3x3"), settings)
    state = start(settings, data)
    batch = data.train.first(4).float()
    update(state, batch)
    with Waits() as waits:
        for _ in range(5):
            update(state, batch)
    assert waits.count == 0
