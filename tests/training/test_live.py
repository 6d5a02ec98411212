"""The live log-likelihood, what patience does with it, and that every method resumes exactly with all of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from harmonium.data import Cases, Dataset, load
from harmonium.dreaming import CLIMB, dream_of_run
from harmonium.evaluation import evaluate_run
from harmonium.gradients import METHODS
from harmonium.likelihood import exact_log_probability
from harmonium.training import Run, live, materials, open_model, recipe, resume_run, start, start_run, train


def shapes(cases=400, width=30, seed=0):
    generator = torch.Generator().manual_seed(seed)
    centres = (torch.rand(6, width, generator=generator) < 0.3).float()
    chosen = centres[torch.randint(6, (cases,), generator=generator)]
    noise = (torch.rand(cases, width, generator=generator) < 0.05).float()
    return (chosen - noise).abs()


def test_a_small_model_is_enumerated():
    settings = recipe("best", hidden=8, epochs=30, method="exact", learning_rate=0.1)
    data = materials(load("bars-and-stripes:3x3"), settings)
    state = start(settings, data)
    record = list(train(state, data))[-1]
    exact = exact_log_probability(state.current, data.held_out.float()).mean()
    assert record.log_likelihood == pytest.approx(float(exact), abs=1e-4)
    assert record.log_partition_error == 0


@pytest.mark.parametrize("method", ["pcd", "pt", "ptt"])
def test_carried_along_it_agrees_with_enumeration(method, monkeypatch):
    """Where it may not enumerate: log Z within four standard errors and 0.05; false alarms below 1e-4 each."""
    monkeypatch.setattr(live, "ENUMERATED", 0)
    monkeypatch.setattr(live, "LAST", 1000)
    settings = recipe("best", hidden=8, epochs=60, method=method, chains=50, learning_rate=0.1, averaging=0.98)
    data = materials(Dataset("shapes", Cases(shapes())), settings)
    state = start(settings, data)
    records = [record for record in train(state, data) if record.log_likelihood is not None]
    assert records
    exact = exact_log_probability(state.current.double(), data.held_out.double()).mean()
    z_error = 4 * records[-1].log_partition_error + 0.05
    assert abs(records[-1].log_likelihood - float(exact)) < z_error
    assert records[-1].log_likelihood_error >= records[-1].log_partition_error


def overfitted(**changes):
    """Return the state and the records of a run on too few examples, and the data."""
    settings = recipe("best", **{"hidden": 12, "epochs": 4000, "method": "exact", "learning_rate": 1.0, **changes})
    data = materials(Dataset("shapes", Cases(shapes(cases=60, width=12))), settings, validation=0.5)
    state = start(settings, data)
    return state, list(train(state, data)), data


def test_patience_ends_a_run_that_overfits_and_keeps_its_best_model():
    state, records, data = overfitted(patience=5, decay_raises=0)
    values = [record.log_likelihood for record in records if record.log_likelihood is not None]
    assert state.epochs_done < 4000
    assert state.finished
    assert records[-1].warning == "the validation log-likelihood falls: the model overfits"
    kept = exact_log_probability(state.model, data.held_out.float()).mean()
    assert float(kept) == pytest.approx(max(values), abs=1e-4)


def test_without_a_validation_set_there_is_no_patience():
    settings = recipe("best", hidden=8, epochs=60, method="exact", learning_rate=0.1, patience=1)
    data = materials(Dataset("shapes", Cases(shapes(cases=60, width=12))), settings, validation=0)
    state = start(settings, data)
    records = list(train(state, data))
    assert records[-1].log_likelihood is not None
    assert state.best is None
    assert state.epochs_done == 60


def test_weight_decay_rises_where_a_model_overfits():
    plain, _, data = overfitted(patience=5, decay_raises=0)
    state, _, _ = overfitted(patience=5, decay_raises=2)
    assert state.raised == 2
    assert state.optimizer.param_groups[0]["weight_decay"] == pytest.approx(25e-4)
    kept, before = (exact_log_probability(s.model, data.held_out.float()).mean() for s in (state, plain))
    assert kept >= before


def test_of_models_within_the_error_the_later_one_is_kept():
    settings = recipe("best", hidden=3, epochs=5, method="pcd")
    state = start(settings, materials(load("bars-and-stripes:3x3"), settings, validation=0.3))
    for value, error, kept in [
        (-9.0, 0.5, -9.0),
        (-9.4, 0.1, -9.4),
        (-9.6, 0.1, -9.4),
        (-8.0, 0.0, -8.0),
        (-8.1, 0.2, -8.0),
    ]:
        state.note(value, error)
        assert state.best_value == kept
    assert state.waited == 0  # nothing was clearly lower
    state.note(-8.5, 0.2)
    assert state.waited == 1


def test_the_ladder_of_a_run_leads_to_the_model_that_is_kept(tmp_path):
    np.save(tmp_path / "shapes.npy", shapes().numpy())
    settings = recipe("ptt", hidden=6, epochs=100, batch_size=40, chains=100, patience=None, likelihood_share=0.0)
    settings = replace(settings, learning_rate=0.5)
    run, state, data = start_run(tmp_path / "run", str(tmp_path / "shapes.npy"), settings, validation=0)
    assert len(run.ladder()) == 2
    for _ in run.train(state, data):
        pass
    ladder = run.ladder()
    assert len(ladder) == len(state.persistent.ladder) + 1 > 3
    assert not ladder[0].weights.any()
    assert torch.equal(ladder[-1].weights, open_model(run.folder).rbm.weights)
    state.best_rung = 2
    run.save(state, data)
    assert len(run.ladder()) == 3
    made = dream_of_run(run.folder, 20)
    assert (made.start, made.steps) == ("ladder", 3 * CLIMB)
    z = evaluate_run(run.folder, "train", method="ais", runs=50, temperatures=200).log_partition
    assert abs(z.diagnostics["trajectory"] - z.value) < 5 * z.diagnostics["trajectory_standard_error"] + 0.3


def test_chains_that_stand_still_are_named():
    settings = recipe("pcd", hidden=8, epochs=3)
    data = materials(Dataset("shapes", Cases(shapes())), settings)
    state = start(settings, data)
    with torch.no_grad():
        state.rbm.weights.mul_(0)
        state.rbm.visible.bias.copy_(torch.where(torch.arange(30) % 2 == 0, 30.0, -30.0))
        state.optimizer.param_groups[1]["lr"] = state.optimizer.param_groups[0]["lr"] = 0.0
    held = state.chains.visible[torch.randperm(100)]
    state.persistent = state.chains._replace(visible=held)
    from harmonium.training.measure import _have_stuck

    state.update = 500
    assert not _have_stuck(state)  # there is nothing to compare with yet
    assert not _have_stuck(state)  # too soon to say
    state.update = 1000
    assert _have_stuck(state)
    state.update = 1500
    state.persistent = state.chains._replace(visible=shapes(100, seed=7))
    assert not _have_stuck(state)


def finish(run, state, data, **options):
    for _ in run.train(state, data, **options):
        pass


@pytest.mark.parametrize("method", [method for method in METHODS if method != "exact"])
@pytest.mark.parametrize(("gradient", "records"), [("centered", 200), ("standardized", 3)])
def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(method, gradient, records, tmp_path, monkeypatch):
    """All of the state, that of measuring and patience included, also where only every second epoch is measured."""
    monkeypatch.setattr(live, "ENUMERATED", 0)
    monkeypatch.setattr("harmonium.training.state.RECORDS", records)
    np.save(tmp_path / "shapes.npy", shapes().numpy())
    settings = recipe(
        "best", hidden=20, epochs=6, method=method, gradient=gradient, chains=40, learning_rate=0.1, sparsity_target=0.2
    )
    finish(*start_run(tmp_path / "whole", str(tmp_path / "shapes.npy"), settings))
    run, state, data = start_run(tmp_path / "pieces", str(tmp_path / "shapes.npy"), settings)
    updates = iter(range(1000))
    finish(run, state, data, after_update=lambda _: next(updates) == 37)
    finish(*resume_run(tmp_path / "pieces"), stop_after=2)
    finish(*resume_run(tmp_path / "pieces"))
    tensors = [Run(tmp_path / name).folder / "checkpoint.safetensors" for name in ("whole", "pieces")]
    from harmonium.files import read_tensors

    whole, pieces = (read_tensors(path)[0] for path in tensors)
    assert whole.keys() == pieces.keys()
    for name, tensor in whole.items():
        assert torch.equal(pieces[name], tensor), name
