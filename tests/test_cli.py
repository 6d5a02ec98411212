"""The command line, in this process through its runner, and where that matters in a process of its own."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from harmonium.cli import main
from harmonium.cli.using import _part
from harmonium.training import Run


@pytest.fixture(autouse=True)
def somewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


TRAIN = ("train", "digits", "--hidden", 12, "--epochs", 2, "--out", "run")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder that TRAIN makes, for tests of what is done with it: most of its time goes into the pictures."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["harmonium", *map(str, TRAIN[:-1]), str(folder)])
        with pytest.raises(SystemExit) as stopped:
            main()
    assert not stopped.value.code
    return folder


@pytest.fixture
def run(trained, tmp_path):
    """A run in the folder `run`, with which a test may do what it likes."""
    shutil.copytree(trained, tmp_path / "run")


def test_train_leaves_all_files_and_says_where(command, tmp_path):
    code, out, err = command(*TRAIN)
    assert code == 0, err
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "config.json",
        "metrics.jsonl",
        "model.safetensors",
        "checkpoint.safetensors",
        "checkpoint.json",
        "features.png",
        "dreams.png",
        "curves.png",
        "diagnosis.json",
        "diagnostics.png",
        "report.html",
    }
    assert "2 of 2 epochs" in out
    assert "report.html" in out
    assert err == ""  # no progress bar where there is no terminal


def test_json_is_one_object_and_nothing_else(command):
    for arguments in (
        (*TRAIN, "--json"),
        ("dream", "run", "--count", 4, "--steps", 3, "--json"),
        ("features", "run", "--json"),
        ("report", "run", "--json"),
        ("info", "run", "--json"),
        ("info", "--json"),
    ):
        code, out, err = command(*arguments)
        assert code == 0, err
        assert isinstance(json.loads(out), dict)
        assert err == ""


@pytest.mark.usefixtures("run")
def test_dreams_go_where_they_should(command, tmp_path):
    code, out, err = command(
        "dream", "run", "--count", 9, "--steps", 7, "--samples", "s.npy", "--film", "f.gif", "--start", "data"
    )
    assert code == 0, err
    samples = np.load("s.npy")
    assert samples.shape == (9, 64)
    assert set(np.unique(samples)) <= {0, 1}
    assert (tmp_path / "f.gif").read_bytes()[:6] == b"GIF89a"
    assert "that of the data" in out
    first = samples
    command("dream", "run", "--count", 9, "--steps", 7, "--samples", "s.npy", "--start", "data")
    assert np.array_equal(np.load("s.npy"), first)


@pytest.mark.usefixtures("run")
def test_a_bare_model_file_dreams_from_noise(command, tmp_path):
    (tmp_path / "run" / "model.safetensors").rename(tmp_path / "m.safetensors")
    assert command("dream", "m.safetensors", "--count", 4, "--steps", 3)[0] == 0
    assert (tmp_path / "dreams.png").exists()
    code, _, err = command("dream", "m.safetensors", "--start", "data")
    assert code == 2
    assert "bare model file" in err


def test_gaussian_data_end_to_end(command):
    np.save("faces.npy", np.random.default_rng(0).normal(50, 10, (60, 16)))
    code, out, err = command("train", "faces.npy", "--visible", "gaussian", "--hidden", 6, "--epochs", 2)
    assert code == 0, err
    assert "every column was standardised to mean 0 and variance 1" in out
    code, _, err = command("dream", "runs/faces.npy", "--count", 50, "--steps", 20, "--samples", "s.npy")
    assert code == 0, err
    assert abs(np.load("s.npy").mean() - 50) < 10  # in the units of the data


def test_stop_and_resume(command):
    code, out, _ = command(*TRAIN[:4], "--epochs", 3, "--out", "run", "--stop-after", 1)
    assert code == 0
    assert "to go on: harmonium train --out run --resume" in out
    code, out, _ = command("train", "--out", "run", "--resume")
    assert code == 0
    assert "3 of 3 epochs" in out
    assert [record.epoch for record in Run(Path("run")).records()] == [1, 2, 3]
    assert command("train", "digits", "--hidden", 12, "--out", "run", "--resume")[0] == 0
    code, _, err = command("train", "digits", "--hidden", 13, "--out", "run", "--resume")
    assert code == 2
    assert "was started with hidden 12, not 13" in err


WRONG = [
    (("train", "mnits"), "did you mean 'mnist'"),
    (("train",), "name a data set"),
    (("train", "digits", "--method", "pdc"), "did you mean 'pcd'"),
    (("train", "digits", "--batch-size", 0), "batch size is 0"),
    (("train", "digits", "--batch-size", 5000), "batch size is 5000, but there are only 1294"),
    (("train", "digits", "--hidden", 0), "hidden is 0"),
    (("train", "digits", "--hidden", -2), "hidden is -2"),
    (("train", "digits", "--learning-rate", -1), "must be a positive number"),
    (("train", "digits", "--learning-rate", "nan"), "must be a positive number"),
    (("train", "digits", "--learning-rate", "fast"), "--learning-rate"),
    (("train", "digits", "--epochs", 0), "epochs is 0"),
    (("train", "digits", "--stop-after", 0), "at least 1 epoch"),
    (("train", "digits", "--validation", 2), "at least 0 and below 1"),
    (("train", "digits", "--resume", "--overwrite"), "give one of them"),
    (("train", "digits", "--resume"), "is not a run folder"),
    (("train", "mnist", "--data-dir", "."), "does not hold mnist"),
    (("train", "nowhere.npy"), "there is no data file nowhere.npy"),
    (("train", "digits", "--device", "tpu"), "unknown device"),
    (("dream", "nowhere"), "no run folder or model file nowhere"),
    (("features", "."), "is not a run folder"),
    (("report", "."), "is not a run folder"),
    (("info", "nowhere"), "no run folder or model file"),
    (("hallucinate",), "No such command"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=lambda value: " ".join(map(str, value))[:40])
def test_wrong_use_is_one_sentence_exit_code_2_and_nothing_written(arguments, message, command, tmp_path):
    code, out, err = command(*arguments)
    assert code == 2
    assert out == ""
    assert message in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == [] or [p.name for p in tmp_path.iterdir()] == ["cache"]


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--count", 0), "count is 0"),
        (("--steps", 0), "at least 1 step"),
        (("--start", "dream"), "unknown start"),
        (("--film", "film.avi"), "use .gif, .webp or .png"),
        (("--seed", -1), "seed is -1"),
        (("--samples", "nowhere/s.npy"), "cannot write nowhere/s.npy: there is no folder nowhere"),
        (("--samples", "."), "cannot write"),
        (("--samples", "s.csv"), "cannot write s.csv: states are written as a .npy file"),
        (("--picture", "/etc/passwd/x.png"), "cannot write /etc/passwd/x.png"),
        (("--count", 10**12), "must be at most 1000000"),
    ],
)
def test_wrong_dreams(arguments, message, command):
    code, _, err = command("dream", "run", *arguments)
    assert code == 2
    assert message in err


@pytest.mark.usefixtures("run")
def test_a_run_that_exists(command):
    code, _, err = command(*TRAIN)
    assert code == 2
    assert "go on with --resume, replace it with --overwrite" in err
    assert command(*TRAIN, "--overwrite")[0] == 0


@pytest.mark.parametrize("name", ["train", "dream", "features", "report", "info"])
def test_help_has_an_example(name, command):
    code, out, _ = command(name, "--help")
    assert code == 0
    assert f"harmonium {name} runs/" in out or f"harmonium {name} mnist" in out


def test_version_and_completion(command):
    assert command("--version")[1].startswith("harmonium 0.")
    code, out, _ = command("--help")
    assert code == 0
    assert "--install-completion" in out


def test_help_does_not_import_torch():
    script = "import sys, harmonium.cli; print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def harmonium_process(*arguments, **options):
    return subprocess.Popen([sys.executable, "-c", "from harmonium.cli import main; main()", *arguments], **options)


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path):
    arguments = ("train", "digits", "--hidden", "20", "--epochs", "1500", "--out", "run")
    process = harmonium_process(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "run" / "metrics.jsonl").exists():
        time.sleep(0.05)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "to go on: harmonium train --out run --resume" in out
    checkpoint = json.loads((tmp_path / "run" / "checkpoint.json").read_text())
    done = checkpoint["update"] // checkpoint["updates_per_epoch"]
    process = harmonium_process(
        "train", "--out", "run", "--resume", "--stop-after", "1", "--json", stdout=subprocess.PIPE
    )
    assert json.loads(process.communicate(timeout=60)[0])["epochs"] == done + 1


def test_a_terminal_sees_a_progress_bar():
    master, slave = pty.openpty()
    arguments = ("train", "digits", "--hidden", "20", "--epochs", "5", "--out", "run")
    process = harmonium_process(*arguments, stdout=subprocess.PIPE, stderr=slave, env={**os.environ, "TERM": "xterm"})
    os.close(slave)
    seen = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    process.communicate(timeout=60)
    assert b"epoch" in seen
    assert b"epoch 5/5" in seen
    assert b"examples/s" in seen
    assert b"reconstruction error" in seen


def test_divergence_is_a_sentence_and_keeps_the_last_good_state(command):
    code, _, err = command("train", "digits", "--learning-rate", "1e9", "--hidden", 5, "--epochs", 3, "--out", "run")
    assert code == 2
    assert "training diverged in epoch" in err
    assert "lower the learning rate" in err
    assert command("info", "run")[0] == 0
    assert command("dream", "run", "--count", 2, "--steps", 2)[0] == 0


def test_exact_is_refused_before_a_folder_is_made(command, tmp_path):
    code, _, err = command("train", "digits", "--method", "exact", "--hidden", 60, "--out", "run")
    assert code == 2
    assert "2^60 states" in err
    assert not (tmp_path / "run").exists()


def test_the_environment_names_a_place_and_shuts_out_no_other(tmp_path, monkeypatch, command):
    monkeypatch.setenv("HARMONIUM_DATA", str(tmp_path))  # no MNIST there: the cache is next
    monkeypatch.setattr("harmonium.data.idx_sets.user_cache", lambda: tmp_path / "cache")
    monkeypatch.setattr("harmonium.data.idx_sets.download", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        command("train", "mnist")


def test_the_defaults_spelt_out_resume_too(command):
    constant = (*TRAIN, "--schedule", "constant")
    command(*constant, "--stop-after", 1)
    code, _, err = command(*constant, "--resume", "--batch-size", 64, "--validation", 0.1)
    assert code == 0, err
    code, _, err = command("train", "--out", "run", "--resume", "--epochs", 1)
    assert code == 2
    assert "has done 2 epochs already" in err


@pytest.mark.usefixtures("run")
def test_samples_of_any_name(command, tmp_path):
    assert command("dream", "run", "--count", 2, "--steps", 2, "--samples", "s")[0] == 0
    assert np.load("s").shape == (2, 64)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.usefixtures("run")
def test_export_and_import(command, tmp_path):
    code, out, err = command("export", "run", "model.h5")
    assert (code, out.strip()) == (0, "model.h5"), err
    with h5py.File("model.h5") as file:  # of this run, and not the numbers that are written without one
        assert file["hyperparameters/learning_rate"][()] == Run(tmp_path / "run").settings().learning_rate
        assert f"update_{Run(tmp_path / 'run').records()[-1].update}" in file
        assert np.array_equal(file["parallel_chains"][()], Run(tmp_path / "run").chains().visible.numpy())
    code, _, err = command("import", "model.h5", "--out", "nowhere/model.safetensors")
    assert (code, "there is no folder nowhere" in err) == (2, True)
    code, _, err = command("import", "model.h5", "--shape", "8x9")
    assert (code, "of 64 visible units" in err) == (2, True)
    code, out, err = command("import", "model.h5", "--out", "again.safetensors", "--shape", "8x8")
    assert code == 0, err
    assert "64 visible and 12 hidden units" in out
    assert command("dream", "again.safetensors", "--count", 4, "--steps", 2)[0] == 0
    code, out, err = command("export", "run", "way-up.onnx", "--json")
    assert json.loads(out) == {"file": "way-up.onnx"}, err
    assert (tmp_path / "way-up.onnx").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("export", "run", "model.txt"), "ends in neither .h5 nor .onnx"),
        (("export", "nothing", "model.h5"), "there is no run folder or model file nothing"),
        (("import", "nothing.h5"), "there is no file nothing.h5"),
        (("import", "run.h5", "--update", 7), "there is no file run.h5"),
        (("import", "run.h5", "--out", "run.h5"), "does not end in .safetensors"),
        (("train", "digits", "--on", "run"), "--on is for a stack"),
        (("train", "digits", "--layers", "5", "--on", "nowhere"), "nowhere is not a run folder"),
    ],
)
def test_wrong_exchange_is_one_sentence(arguments, message, command, tmp_path):
    code, _, err = command(*arguments)
    assert code == 2
    assert message in err
    assert not list(tmp_path.iterdir())


def test_measurements_for_tensorboard(command, tmp_path):
    assert command(*TRAIN, "--tensorboard", "logs")[0] == 0
    assert next((tmp_path / "logs").iterdir()).stat().st_size > 500
    code, _, err = command("train", "digits", "--layers", "6,5", "--epochs", 1, "--out", "s", "--tensorboard", "logs/s")
    assert code == 0, err
    assert sorted(path.name for path in (tmp_path / "logs" / "s").iterdir()) == ["layer-1", "layer-2"]


@pytest.mark.usefixtures("run")
def test_a_stack_on_a_trained_run(command):
    code, out, err = command(
        "train", "digits", "--layers", 70, "--on", "run", "--transposed", "--epochs", 1, "--out", "s"
    )
    assert code == 0, err
    assert "layer 2: 1 of 1 epochs" in out


@pytest.mark.parametrize(
    ("data", "part"), [("test", "test"), ("a.npy", "a.npy"), ("digits", "the training part of digits")]
)
def test_a_likelihood_says_of_which_examples_it_is(data, part):
    assert _part(data) == part
