import time

import pytest

from harmonium.data import load
from harmonium.errors import InputError
from harmonium.training import RECIPES, Settings, budget, materials, recipe, run, start, start_run, train
from harmonium.training.beginning import decided
from harmonium.training.budget import fitted


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_trains(name):
    settings = recipe(name, hidden=6, epochs=3)
    data = materials(load("bars-and-stripes:2x3"), settings)
    assert len(list(train(start(settings, data), data))) == 3


def test_what_is_given_comes_first():
    assert recipe("best", learning_rate=0.01, schedule="cosine").schedule == "cosine"
    assert recipe("best", optimizer="adam").learning_rate is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "bset"}, "did you mean 'best'"),
        ({"chains": 0}, "chains is 0"),
        ({"final_chains": 10}, "final chains is 10, but must be at least chains, 500"),
        ({"final_chains": 1000, "method": "pt"}, "final chains is for the method pcd"),
        ({"learning_rate": -1.0}, "the learning rate is -1"),
        ({"gradient": "centred"}, "did you mean 'centered'"),
        ({"averaging": 1.0}, "the averaging is 1, but must be at least 0 and below 1"),
        ({"sparsity_target": 1.5}, "the sparsity target is 1.5"),
        ({"l1": -0.1}, "the l1 is -0.1"),
        ({"patience": 0}, "patience is 0"),
        ({"likelihood_share": 2.0}, "the likelihood share is 2"),
    ],
)
def test_wrong_settings(changes, message):
    with pytest.raises(InputError, match=message):
        recipe(**changes)


def test_what_is_left_open_is_chosen_for_the_data():
    small, large = decided(recipe("best"), 1000, 784), decided(recipe("best"), 54_000, 784)
    assert (small.batch_size, large.batch_size) == (50, 500)
    assert large.method == "pcd"
    assert decided(recipe("best", hidden=23), 1000, 112).method == "ptt"
    assert small.epochs * 20 == pytest.approx(16_000, rel=0.05)
    assert large.epochs * 108 == pytest.approx(16_000, rel=0.05)
    assert decided(Settings(), 54_000, 784).batch_size == 100


@pytest.mark.parametrize(
    ("given", "cases", "rate"),
    [
        ({}, 54_000, 1.0),
        ({}, 5_000, 0.5),
        ({}, 1_000, 0.3),
        ({"epochs": 30}, 54_000, 1.0),
        ({"epochs": 593}, 54_000, 0.5),
        ({"learning_rate": 0.2}, 54_000, 0.2),
        ({"hidden": 23}, 54_000, 0.3),  # by trajectory tempering
        ({"method": "cd"}, 54_000, 0.3),
        ({"averaging": 0.0}, 54_000, 0.01),
        ({"optimizer": "adam"}, 54_000, 0.001),
        ({"visible": "gaussian"}, 54_000, 0.03),
        ({"visible": "gaussian", "name": "pcd"}, 54_000, 0.005),
        ({"hidden_units": "gaussian", "optimizer": "adam"}, 54_000, 0.0001),
        ({"visible": "labelled:10"}, 54_000, 1.0),
    ],
)
def test_the_learning_rate_suits_batch_method_and_units(given, cases, rate):
    assert decided(recipe(**given), cases, 794).learning_rate == pytest.approx(rate)


def test_a_plan_leaves_out_the_time_that_reading_took():
    data = materials(load("digits"), recipe(hidden=20))
    whole, left = (fitted(recipe(hidden=20), data, 60.0, spent).epochs for spent in (0.0, 3599.0))
    assert left < whole / 100  # 3,600 to 1, if the machine were as fast both times
    assert fitted(recipe(hidden=20), data, 0.01, 10.0).epochs == 1


def test_slow_first_updates_do_not_count(monkeypatch):
    """The first updates compile kernels: here two of them take as long as hundreds of others."""
    data, taken = materials(load("bars-and-stripes:3x3"), recipe(hidden=20)), []

    def update(state, batch):
        taken.append(len(batch))
        time.sleep(0.5 if len(taken) <= 2 else 0.001)

    monkeypatch.setattr(budget, "update", update)
    monkeypatch.setattr(budget, "TRIAL", 0.2)
    epochs = fitted(recipe(hidden=20, batch_size=7), data, 60.0).epochs
    assert epochs > 0.8 * 3600 / 2 / 0.1  # two updates an epoch, of far less than a tenth of a second


def test_a_run_plans_with_the_time_that_reading_took(tmp_path, monkeypatch):
    def slow(*arguments):
        time.sleep(0.2)
        return load(*arguments)

    spent = []
    monkeypatch.setattr(run, "load", slow)
    monkeypatch.setattr(run, "fitted", lambda settings, data, minutes, seconds: spent.append(seconds) or settings)
    start_run(tmp_path / "run", "digits", recipe("best", hidden=20), minutes=1.0)
    assert spent[0] > 0.2


def test_minutes_become_epochs(tmp_path):
    clock = time.perf_counter()
    _, state, _ = start_run(tmp_path / "run", "digits", recipe("best", hidden=20), minutes=0.02)
    assert state.settings.epochs >= 1
    assert state.update == 0
    assert time.perf_counter() - clock < 60
    with pytest.raises(InputError, match="minutes is 0, but must be a positive number"):
        start_run(tmp_path / "other", "digits", recipe("best"), minutes=0)
    assert not (tmp_path / "other").exists()
