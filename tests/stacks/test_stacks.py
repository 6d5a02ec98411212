"""What is done with the run of a stack, through the library and the command."""

import csv
import json
import shutil

import numpy as np
import pytest
import torch

from harmonium import stacks
from harmonium.deep import StackRun, resume_stack, start_stack
from harmonium.deep.fine_tuning import Tuning, fine_tune
from harmonium.deep.up_down import UpDown
from harmonium.errors import InputError
from harmonium.stacks import classify, dream_of_stack, evaluate_stack, generate, predict
from harmonium.stacks.prediction import load_classifier
from harmonium.training import recipe

GIVEN = {"epochs": 30, "learning_rate": 0.5, "batch_size": 50, "chains": 50, "likelihood_share": 0.0, "patience": None}


def train_all(stacking):
    for _, run, state, data in stacking.layers():
        for _ in run.train(state, data):
            pass


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stack") / "s"
    train_all(start_stack(folder, "digits", [recipe("pcd", hidden=h, **GIVEN) for h in (40, 12)], labels=True))
    return folder


@pytest.fixture
def folder(trained, tmp_path, monkeypatch):
    """A copy of the trained stack, at ``s`` below the working directory."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, tmp_path / "s")
    return tmp_path / "s"


def test_dreams_of_a_class_and_of_all(folder):
    made = dream_of_stack(folder, 30, 20, label=4, samples=folder / "fours.npy")
    assert np.load(folder / "fours.npy").shape == (30, 64)
    assert made.classes.tolist() == [4] * 30
    every = dream_of_stack(folder, 25, 5)
    assert every.classes.bincount().tolist() == [3] * 5 + [2] * 5
    assert every.mean.shape == (25, 64)
    assert (folder / "report.html").exists()
    assert dream_of_stack(folder, 4, 5, picture=folder / "p.png").files == {"picture": str(folder / "p.png")}


def test_the_bound_lies_below_the_estimate(folder):
    found = evaluate_stack(folder, "validation", samples=20)
    assert found.bound.method == "exact"
    assert found.bound.lower == found.bound.value < found.estimate.value < 0
    assert found.bound.examples == 144
    again = evaluate_stack(folder, "validation", samples=20)
    assert again.bound.value == found.bound.value
    annealed = evaluate_stack(folder, "validation", method="ais", runs=50, temperatures=300, samples=20)
    z = annealed.bound.log_partition
    assert z.lower < found.bound.log_partition.value < z.upper


def test_a_classifier_predicts(folder):
    records = []
    facts = classify(folder, Tuning(epochs=40, patience=40), after_epoch=records.append)
    assert facts["epochs"] == len(records) == 40
    assert facts["test_error"] < 0.5
    found = predict(folder, "test", folder / "p.csv")
    lines = list(csv.reader((folder / "p.csv").open()))
    assert lines[0][:2] == ["class", "p0"]
    assert len(lines) == len(found) + 1 == 360
    assert [int(line[0]) for line in lines[1:]] == found.argmax(1).tolist()
    labels = StackRun(folder).dataset().test_labels
    assert float((found.argmax(1) != labels).double().mean()) == facts["test_error"]


def test_few_labels_and_random_weights(folder, tmp_path):
    with pytest.raises(InputError, match="has learned all labels in its top layer"):
        classify(folder, Tuning(epochs=1), labelled=57)
    train_all(start_stack(tmp_path / "plain", "digits", [recipe("pcd", hidden=12, **(GIVEN | {"epochs": 1}))]))
    facts = classify(tmp_path / "plain", Tuning(epochs=2), labelled=57, random_start=True)
    assert facts["labelled"] == 57
    for count in (9, 5000):
        with pytest.raises(InputError, match=f"labelled is {count}, but must be from 10, one a class, to 1294"):
            classify(tmp_path / "plain", Tuning(epochs=1), labelled=count)


def test_few_labels_spread_before_the_network_learns(tmp_path, monkeypatch):
    """By the hidden means of the stack, or the inputs without one; known and unreached examples are not guessed."""
    seen = []

    def spread(features, rows, labels, classes):
        seen.append((features.shape[1], len(rows)))
        guesses = torch.full((len(features),), 3)
        guesses[:100] = -1
        return guesses

    def tune(network, train, validation, tuning, guessed=None):
        seen.append((len(train[0]), None if guessed is None else guessed[1].tolist()))
        return fine_tune(network, train, validation, tuning, guessed)

    monkeypatch.setattr(stacks.tuning, "spread_labels", spread)
    monkeypatch.setattr(stacks.tuning, "fine_tune", tune)
    train_all(start_stack(tmp_path / "plain", "digits", [recipe("pcd", hidden=12, **(GIVEN | {"epochs": 1}))]))
    for random_start, width in ((False, 12), (True, 64)):
        seen.clear()
        classify(tmp_path / "plain", Tuning(epochs=1), labelled=57, random_start=random_start)
        assert seen[0] == (width, 57)
        known, guesses = seen[1]
        assert known == 57
        assert set(guesses) == {3}
        assert 1294 - 57 - 100 <= len(guesses) <= 1294 - 100
    seen.clear()
    said = []
    classify(tmp_path / "plain", Tuning(epochs=1, guess_weight=0.0), labelled=57, announce=said.append)
    assert (seen, said) == ([(57, None)], [])
    monkeypatch.setattr(stacks.tuning, "spread_labels", lambda features, *given: torch.full((len(features),), -1))
    seen.clear()
    classify(tmp_path / "plain", Tuning(epochs=1), labelled=57, announce=said.append)
    assert seen == [(57, None)]  # nobody was reached
    assert said == ["57 labels spread to 1,237 examples, from neighbour to neighbour"]


def test_one_layer_with_labels(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = ("--labels", "--layers", 12, "--epochs", 2, "--binarize", "threshold", "--out", "s")
    code, _, err = command("train", "digits", *given, "--stop-after", 1)
    assert code == 0, err
    for arguments in (
        ("train", "--out", "s", "--resume"),
        ("dream", "s", "--class", 1, "--steps", 2),
        ("evaluate", "s", "--data", "validation"),
        ("finetune", "s", "--epochs", 1),
        ("predict", "s"),
        ("info", "s"),
        ("finetune", "s", "--task", "generate", "--epochs", 1),
        ("report", "s"),
    ):
        code, _, err = command(*arguments)
        assert code == 0, (arguments, err)


def test_own_labelled_data(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (200, 7)).astype(np.uint8)
    np.savez("whole.npz", x=x, y=x[:, 0], x_test=x[:50], y_test=x[:50, 0])
    code, _, err = command("train", "whole.npz", "--layers", "6,1", "--labels", "--epochs", 1, "--out", "s")
    assert code == 0, err
    assert not (tmp_path / "s" / "map.png").exists()  # of one unit there is none
    assert command("finetune", "s", "--epochs", 1)[0] == 0
    np.save("nan.npy", np.full((3, 7), np.nan))
    code, _, err = command("predict", "s", "--data", "nan.npy")
    assert code == 2
    assert "row 0, column 0" in err
    np.savez("short.npz", x=x, y=x[:90, 0])
    code, _, err = command("train", "short.npz", "--layers", "5", "--labels", "--out", "t")
    assert "has 90 labels for 200 examples" in err
    np.savez("words.npz", x=x, y=np.array(["a", "b"] * 100, dtype=object))
    code, _, err = command("train", "words.npz", "--layers", "5", "--epochs", 1, "--out", "u")
    assert code == 0, err  # its labels are not asked for
    code, _, err = command("train", "words.npz", "--layers", "5", "--labels", "--out", "t")
    assert "y whole numbers" in err
    assert not (tmp_path / "t").exists()


def test_layers_above_gaussian_data_learn_at_the_rate_of_their_own_units(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("rows.npy", np.random.default_rng(0).normal(size=(60, 5)))
    given = ("--visible", "gaussian", "--recipe", "pcd", "--epochs", 1, "--out", "s")
    assert command("train", "rows.npy", "--layers", "6,4", *given)[0] == 0
    rates = [settings.learning_rate for settings in StackRun(tmp_path / "s").settings()]
    assert rates == pytest.approx([0.005, 0.05])


def test_overwriting_a_finished_stack(command, folder):
    dream_of_stack(folder, 4, 2)
    (folder / "dreams-holiday.png").write_bytes(b"mine")
    code, _, err = command("train", "digits", "--layers", "5", "--epochs", 1, "--out", "s", "--overwrite")
    assert code == 0, err
    assert (folder / "dreams-holiday.png").exists()
    assert not (folder / "layer-2").exists()
    code, _, err = command("train", "digits", "--hidden", 5, "--out", "s", "--overwrite")
    assert code == 2
    assert "holds a stack" in err


def test_ctrl_c_keeps_the_best_network_so_far(folder):
    facts = classify(folder, Tuning(epochs=40), after_epoch=lambda record: record.epoch == 3)
    assert facts["epochs"] == 3
    assert load_classifier(folder) is not None


def test_up_down_begins_at_the_greedy_stack_each_time(folder):
    one = generate(folder, UpDown(epochs=1, learning_rate=0.1))
    weights = StackRun(folder).model().dbn.layers[0].weights
    assert not StackRun(folder).model().dbn.tied
    other = generate(folder, UpDown(epochs=1, learning_rate=0.1))
    assert one == other
    assert torch.equal(weights, StackRun(folder).model().dbn.layers[0].weights)
    assert StackRun(folder).greedy().dbn.tied
    assert list(resume_stack(folder).layers()) == []  # nothing is left to train, and the tuned model stays
    assert not StackRun(folder).model().dbn.tied


def test_a_damaged_classifier(folder):
    with pytest.raises(InputError, match="has no classifier: make one with harmonium finetune"):
        load_classifier(folder)
    classify(folder, Tuning(epochs=1))
    path = folder / "classifier.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(InputError, match="cut short"):
        load_classifier(folder)


def test_the_command_from_training_to_predictions(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    layers = ("train", "digits", "--layers", "20,15", "--labels", "--epochs", 3, "--out", "s")
    code, out, err = command(*layers)
    assert (code, err) == (0, "")
    assert out.count("3 of 3 epochs") == 2
    names = {path.name for path in (tmp_path / "s").iterdir()}
    assert names >= {
        "report.html",
        "map.png",
        "dreams.png",
        "dreams-1.png",
        "features-2.png",
        "curves-1.png",
        "layer-2",
    }
    report = (tmp_path / "s" / "report.html").read_text()
    assert "64-20-15 units and 10 labels" in report
    assert report.count("<img") == 7
    for arguments, message in [
        (("dream", "s", "--class", 3, "--count", 5, "--steps", 5), "5 dreams of class 3"),
        (("evaluate", "s", "--data", "validation"), "variational bound"),
        (("finetune", "s", "--epochs", 2), "of the test examples"),
        (("predict", "s"), "359 examples: predictions.csv"),
        (("finetune", "s", "--task", "generate", "--epochs", 1), "1 epochs up and down"),
        (("info", "s"), "64-20-15"),
        (("report", "s"), "Open s/report.html"),
    ]:
        code, out, err = command(*arguments)
        assert code == 0, err
        assert message in out
    code, out, _ = command("evaluate", "s", "--json")
    assert json.loads(out)["samples"] == 50


def test_a_classifier_that_only_guesses_is_named(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command("train", "digits", "--layers", "6,4", "--recipe", "pcd", "--epochs", 1, "--out", "s")[0] == 0
    hardly = ("finetune", "s", "--epochs", 1, "--learning-rate", 1e-6)
    code, out, _ = command(*hardly)
    assert code == 0
    assert "hardly better than guessing: train the layers for longer, or tune with a larger --learning-rate" in out
    assert 0.8 < json.loads(command(*hardly, "--json")[1])["guessing_error"] < 1
    assert "guessing" not in command("finetune", "s", "--epochs", 60, "--random-start")[1]


def test_the_command_stops_and_resumes(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command("train", "digits", "--layers", "8,6", "--epochs", 2, "--stop-after", 1, "--out", "s")
    code, _, err = command("dream", "s")
    assert code == 2
    assert "harmonium train --out s --resume" in err
    code, out, err = command("train", "--out", "s", "--resume")
    assert code == 0, err
    assert "layer 2: 2 of 2 epochs" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "digits", "--layers", "20,x"), "must be whole numbers with commas"),
        (("train", "digits", "--layers", "20,0"), "layer 2 has 0 hidden units"),
        (("train", "digits", "--layers", "20,10", "--recipe", "pcd,best,best"), "3 recipes for 2 layers"),
        (("train", "digits", "--layers", "20", "--hidden", 5), "--hidden is for a single RBM"),
        (("train", "digits", "--labels"), "--labels is for a stack"),
        (("train", "bars-and-stripes", "--layers", "5,4", "--labels"), "has no labels: leave out --labels"),
        (("train", "--layers", "5"), "name a data set"),
        (("dream", "s", "--class", 10), "the class is 10, but must be from 0 to 9"),
        (("dream", "s", "--film", "f.gif"), "without a film"),
        (("dream", "s", "--count", 0), "count is 0"),
        (("dream", "s", "--steps", 0), "at least 1 step"),
        (("evaluate", "s", "--samples", 0), "samples is 0"),
        (("evaluate", "s", "--method", "magic"), "unknown method"),
        (("features", "s"), "harmonium report s"),
        (("evaluate", "s/layer-2", "--data", "validation"), "is layer 2 of a stack"),
        (("finetune", "s", "--task", "fly"), "unknown task"),
        (("finetune", "s", "--steps", 3), "--steps is not for classify"),
        (("finetune", "s", "--labelled", 20), "has learned all labels"),
        (
            ("train", "digits", "--layers", "20,5", "--batch-size", 9999, "--out", "new"),
            "layer 1: the batch size is 9999",
        ),
        (("train", "digits", "--layers", "200,30", "--method", "exact", "--out", "new"), "layer 1: "),
        (("train", "digits", "--layers", "5,4", "--transposed", "--method", "ptt"), "use --method pcd"),
        (("finetune", "s", "--task", "generate", "--dropout", 0.1), "--dropout is not for generate"),
        (("finetune", "s", "--epochs", 0), "epochs is 0"),
        (("finetune", "s", "--guess-weight", -1), "guess weight is -1"),
        (("finetune", "nothing"), "not the folder of a stack"),
        (("predict", "s"), "has no classifier"),
        (("train", "--out", "s", "--resume", "--epochs", 9), "leave out --epochs"),
    ],
)
def test_wrong_use_is_one_sentence(arguments, message, command, folder):
    before = sorted(folder.parent.iterdir())
    code, out, err = command(*arguments)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert out == ""
    assert sorted(folder.parent.iterdir()) == before


def test_a_plain_run_dreams_of_no_class(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command("train", "bars-and-stripes", "--hidden", 4, "--epochs", 1, "--out", "run")
    code, _, err = command("dream", "run", "--class", 1)
    assert code == 2
    assert "is no stack with labels" in err
