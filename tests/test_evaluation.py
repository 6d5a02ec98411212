import json
import sys

import numpy as np
import pytest
import torch

from harmonium import RBM, evaluation, save_model
from harmonium.cli import main
from harmonium.errors import InputError
from harmonium.evaluation import evaluate_run
from harmonium.likelihood import exact_log_partition
from harmonium.training import Settings, open_model, start_run
from harmonium.units import Bernoulli, Gaussian


@pytest.fixture
def run(tmp_path):
    run, state, ready = start_run(tmp_path / "run", "digits", Settings(hidden=8, epochs=2))
    for _ in run.train(state, ready):
        pass
    return run


def test_exact_where_it_can_be_and_equal_to_the_definition(run):
    found = evaluate_run(run.folder)
    model = open_model(run.folder)
    assert found.method == "exact"
    assert found.lower == found.value == found.upper
    assert found.examples == 359
    assert found.log_partition.value == pytest.approx(exact_log_partition(model.rbm).item())


def test_annealing_brackets_the_exact_value(run):
    exact = evaluate_run(run.folder)
    found = evaluate_run(run.folder, method="ais", runs=100, temperatures=200)
    assert found.lower <= exact.value <= found.upper
    assert found.upper - found.lower < 0.5


def test_the_same_seed_binarises_alike_and_another_does_not(run):
    values = [evaluate_run(run.folder, seed=seed).value for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]


def test_splits_and_files(run, tmp_path):
    test, validation, train = (evaluate_run(run.folder, name).examples for name in ("test", "validation", "train"))
    assert (test, validation, train) == (359, 144, 1294)
    np.save(tmp_path / "d.npy", np.random.default_rng(0).random((30, 64)))
    assert evaluate_run(run.folder, str(tmp_path / "d.npy")).examples == 30
    assert evaluate_run(run.model_path, str(tmp_path / "d.npy")).examples == 30


def test_the_command(run, monkeypatch, capsys):
    for arguments in ([], ["--json"], ["--method", "ais", "--runs", "50", "--temperatures", "50", "--json"]):
        monkeypatch.setattr(sys, "argv", ["harmonium", "evaluate", str(run.folder), *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        assert not stopped.value.code
        out = capsys.readouterr().out
        if "--json" in arguments:
            facts = json.loads(out)
            assert {"log_likelihood", "lower", "upper", "standard_error", "method", "warnings"} < facts.keys()
            assert {"value", "lower", "upper"} < facts["log_partition"].keys()
            assert facts["lower"] <= facts["log_likelihood"] <= facts["upper"]
            assert (facts["conservative"] is not None) == (facts["method"] == "ais")
        else:
            assert "nats an example, exact: the mean of 359 examples (test)" in out


def test_the_checks_are_said_with_the_result(run, monkeypatch, capsys):
    options = ["--method", "ais", "--runs", "50", "--temperatures", "200"]
    monkeypatch.setattr(sys, "argv", ["harmonium", "evaluate", str(run.folder), *options])
    with pytest.raises(SystemExit):
        main()
    assert "checks: tempered chains give log Z = " in capsys.readouterr().out


def test_the_conservative_figure_is_near_the_exact_one_and_not_far_above(run):
    """Eight hidden units and 500 temperatures: annealing is all but exact."""
    exact, found = evaluate_run(run.folder), evaluate_run(run.folder, method="ais", runs=50, temperatures=500)
    assert abs(found.conservative - exact.value) < 0.1 + 4 * found.conservative_error


def test_a_long_enumeration_is_announced_before_it_starts(run, monkeypatch):
    heard = []
    evaluate_run(run.folder, announce=heard.append)
    assert not heard
    monkeypatch.setattr(evaluation, "LONG", 0.0)
    evaluate_run(run.folder, announce=heard.append)
    assert heard[0].startswith("enumerating 2^8 states will take about")


def test_what_cannot_be_evaluated(run, tmp_path):
    np.save(tmp_path / "narrow.npy", np.zeros((5, 3)))
    np.save(tmp_path / "nan.npy", np.full((5, 64), np.nan))
    diverged = RBM(Bernoulli(3), Bernoulli(2), weights=torch.full((3, 2), torch.nan))
    save_model(tmp_path / "diverged.safetensors", diverged)
    save_model(tmp_path / "real.safetensors", RBM(Gaussian(3), Bernoulli(40)))
    for arguments, message in (
        ((run.folder, str(tmp_path / "narrow.npy")), "has 3 columns, but the layer has 64"),
        ((run.folder, str(tmp_path / "nan.npy")), "row 0, column 0"),
        ((run.folder, "nowhere.npy"), "there is no data file"),
        ((run.model_path,), "bare model file"),
        ((tmp_path / "diverged.safetensors", str(tmp_path / "narrow.npy")), "not finite"),
    ):
        with pytest.raises(InputError, match=message):
            evaluate_run(*arguments)
    with pytest.raises(InputError, match="states"):
        evaluate_run(tmp_path / "real.safetensors", str(tmp_path / "narrow.npy"), method="exact")
    with pytest.raises(InputError, match="at least 20 runs"):
        evaluate_run(run.folder, runs=3)
