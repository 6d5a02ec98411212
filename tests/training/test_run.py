import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import torch

from harmonium.errors import InputError, StorageError
from harmonium.files import read_tensors, write_tensors
from harmonium.training import Run, Settings, open_model, resume_run, start_run

VARIANTS = {
    "cd": {"method": "cd"},
    "pcd": {"method": "pcd", "chains": 13},
    "exact": {"method": "exact", "data": "bars-and-stripes:3x3"},
    "adam": {"optimizer": "adam", "schedule": "cosine"},
    "linear": {"schedule": "linear", "momentum": 0.9},
    "gaussian": {"visible": "gaussian", "hidden_units": "bernoulli", "method": "pcd"},
    "both-gaussian": {"visible": "gaussian", "hidden_units": "gaussian"},
    "not-binarised": {"binarize": "none"},
}


def begin(folder, data="digits", epochs=4, **settings):
    return start_run(folder, data, Settings(hidden=8, epochs=epochs, batch_size=50, **settings))


def begin_small(folder, data="bars-and-stripes:3x3", epochs=4, **settings):
    return start_run(folder, data, Settings(hidden=8, epochs=epochs, batch_size=5, **settings))


def finish(run, state, data, **arguments):
    return list(run.train(state, data, **arguments))


def assert_same(first, second):
    """Two runs agree to the bit, in all but the time they took."""
    one, other = (read_tensors(run.folder / "checkpoint.safetensors")[0] for run in (first, second))
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name
    for a, b in zip(first.records(), second.records(), strict=True):
        for name, value in vars(a).items():
            if name not in ("seconds", "examples_per_second"):
                assert value == getattr(b, name), name


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("updates", [1, 27, 40])
def test_a_resumed_run_equals_an_uninterrupted_one_to_the_bit(variant, updates, tmp_path):
    settings = dict(VARIANTS[variant])
    make = begin_small if "data" in settings else begin
    whole = make(tmp_path / "whole", **settings)
    finish(*whole)
    pieces = make(tmp_path / "pieces", **settings)
    stop_at = min(updates, 4 * whole[1].updates_per_epoch - 1)
    finish(*pieces, after_update=lambda state: state.update == stop_at)
    assert Run(tmp_path / "pieces").records() != Run(tmp_path / "whole").records()
    finish(*resume_run(tmp_path / "pieces"))
    assert_same(whole[0], pieces[0])


def test_stop_after_counts_epochs_of_this_invocation(tmp_path):
    whole = begin(tmp_path / "whole")
    finish(*whole)
    finish(*begin(tmp_path / "pieces"), stop_after=1)
    finish(*resume_run(tmp_path / "pieces"), stop_after=2)
    assert [record.epoch for record in Run(tmp_path / "pieces").records()] == [1, 2, 3]
    finish(*resume_run(tmp_path / "pieces"))
    assert_same(whole[0], Run(tmp_path / "pieces"))


def test_the_folder_holds_what_it_should(tmp_path):
    run, state, data = begin(tmp_path / "run")
    finish(run, state, data)
    assert {path.name for path in run.folder.iterdir()} == {
        "config.json",
        "metrics.jsonl",
        "model.safetensors",
        "checkpoint.safetensors",
        "checkpoint.json",
    }
    model = open_model(run.folder)
    assert torch.equal(model.rbm.weights, state.rbm.weights)
    assert model.image_shape == (8, 8)
    assert json.loads((run.folder / "checkpoint.json").read_text())["update"] == state.update


def test_more_epochs_may_be_planned_where_the_rate_is_constant(tmp_path):
    finish(*begin(tmp_path / "short", epochs=2))
    finish(*resume_run(tmp_path / "short", epochs=4))
    whole = begin(tmp_path / "whole", epochs=4)
    finish(*whole)
    assert_same(whole[0], Run(tmp_path / "short"))
    assert Run(tmp_path / "short").settings().epochs == 4
    begin(tmp_path / "linear", epochs=2, schedule="linear")
    with pytest.raises(InputError, match="linear schedule depends on that"):
        resume_run(tmp_path / "linear", epochs=4)


def test_a_run_that_exists_is_not_overwritten_unless_asked(tmp_path):
    finish(*begin(tmp_path / "run"))
    (tmp_path / "run" / "notes.txt").write_text("mine")
    before = (tmp_path / "run" / "model.safetensors").read_bytes()
    with pytest.raises(InputError, match="holds a run already: go on with --resume"):
        begin(tmp_path / "run")
    with pytest.raises(InputError, match="batch size"):
        start_run(tmp_path / "run", "digits", Settings(batch_size=10_000), overwrite=True)
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == before
    start_run(tmp_path / "run", "digits", Settings(hidden=3), overwrite=True)
    assert Run(tmp_path / "run").records() == []
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


def test_nothing_is_written_when_something_is_wrong(tmp_path):
    np.save(tmp_path / "a.npy", np.full((20, 3), 2.5))
    with pytest.raises(InputError, match="row 0, column 0"):
        start_run(tmp_path / "run", str(tmp_path / "a.npy"), Settings())
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file, not a folder"):
        start_run(tmp_path / "file", "digits", Settings())
    with pytest.raises(StorageError, match="cannot make the folder"):
        start_run(tmp_path / "file" / "run", "digits", Settings())


def test_changed_data_are_noticed(tmp_path):
    np.save(tmp_path / "a.npy", np.eye(20))
    finish(*start_run(tmp_path / "run", str(tmp_path / "a.npy"), Settings(hidden=3, epochs=2)), stop_after=1)
    np.save(tmp_path / "a.npy", 1 - np.eye(20))
    with pytest.raises(InputError, match="are not what they were when it started"):
        resume_run(tmp_path / "run")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "config.json").unlink(), "is not a run folder"),
        (lambda f: (f / "config.json").write_text("{"), r"config\.json is damaged"),
        (lambda f: (f / "checkpoint.safetensors").unlink(), r"there is no file .*checkpoint"),
        (lambda f: (f / "checkpoint.safetensors").write_bytes(b"abc"), "cut short, altered"),
    ],
)
def test_a_damaged_run_is_named(damage, message, tmp_path):
    finish(*begin(tmp_path / "run", epochs=1))
    damage(tmp_path / "run")
    with pytest.raises(InputError, match=message):
        resume_run(tmp_path / "run")


def test_a_checkpoint_of_another_model_or_format(tmp_path):
    finish(*begin(tmp_path / "run", epochs=1))
    path = tmp_path / "run" / "checkpoint.safetensors"
    tensors, numbers = read_tensors(path)
    write_tensors(path, {**tensors, "rbm.weights": torch.zeros(2, 2)}, numbers)
    with pytest.raises(InputError, match="does not fit the settings"):
        resume_run(tmp_path / "run")
    write_tensors(path, tensors, {**numbers, "format": 99})
    with pytest.raises(InputError, match="update harmonium"):
        resume_run(tmp_path / "run")


def test_records_cut_short_by_a_kill_are_left_out(tmp_path):
    run, *rest = begin(tmp_path / "run", epochs=3)
    finish(run, *rest)
    path = run.folder / "metrics.jsonl"
    path.write_text(path.read_text()[:-20])
    assert [record.epoch for record in run.records()] == [1, 2]


def test_a_file_larger_than_memory_would_allow_trains_from_disk(tmp_path):
    """A stand-in of 200 MB; that it is mapped, not read, is tested with the data."""
    path = tmp_path / "large.npy"
    table = np.lib.format.open_memmap(path, "w+", np.uint8, (20_000, 10_000))
    table[::2] = 255
    settings = Settings(hidden=2, batch_size=5000, epochs=1)
    records = finish(*start_run(tmp_path / "run", str(path), settings))
    assert records[0].epoch == 1


@pytest.mark.parametrize("path", ["nowhere", "."])
def test_opening_what_is_no_model(path, tmp_path):
    with pytest.raises(InputError, match=r"no model\.safetensors|no run folder or model file"):
        open_model(tmp_path / path)


def test_twenty_kills_at_random_moments_leave_a_whole_checkpoint(tmp_path):
    """A real process trains and saves after every epoch, and is killed (SIGKILL) at random moments, 20 times."""
    folder = tmp_path / "run"
    script = f"""
        import os, sys
        from harmonium.training import Settings, resume_run, start_run
        # Everything slow is imported once; each line of stdin asks for a child that trains until it is killed.
        start_run({str(folder)!r}, "digits", Settings(hidden=300, epochs=1_800, method="pcd", batch_size=1294))
        print("ready", flush=True)
        for line in sys.stdin:
            child = os.fork()
            if child == 0:
                for record in (run := resume_run({str(folder)!r}))[0].train(*run[1:]):
                    pass
            print(child, flush=True)
            os.waitpid(child, 0)
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert parent.stdout.readline() == "ready\n"
    delays = random.Random(0)
    updates = [0]
    for _ in range(20):
        parent.stdin.write("go\n")
        parent.stdin.flush()
        child = int(parent.stdout.readline())
        time.sleep(delays.uniform(0.05, 0.5))
        os.kill(child, signal.SIGKILL)
        time.sleep(0.02)
        _, state, _ = resume_run(folder)
        assert torch.isfinite(state.rbm.weights).all()
        open_model(folder)
        updates.append(state.update)
    parent.stdin.close()
    parent.wait(timeout=30)
    assert updates == sorted(updates)
    assert updates[-1] > 5, updates


def test_files_of_ones_own_are_not_taken_for_a_run(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "report.html").write_text("mine")
    with pytest.raises(InputError, match="holds a run already"):
        begin(tmp_path / "run")
    assert (tmp_path / "run" / "report.html").read_text() == "mine"


def test_a_start_that_fails_leaves_nothing_and_takes_nothing(tmp_path, monkeypatch):
    def full(*arguments):
        raise StorageError("cannot write: No space left on device")

    finish(*begin(tmp_path / "old", epochs=1))
    before = {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()}
    monkeypatch.setattr("harmonium.training.run.write_tensors", full)
    with pytest.raises(StorageError):
        start_run(tmp_path / "old", "digits", Settings(hidden=3), overwrite=True)
    with pytest.raises(StorageError):
        begin(tmp_path / "new")
    assert {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()} == before
    assert list((tmp_path / "new").iterdir()) == []


def test_a_run_on_a_file_resumes_from_anywhere(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", np.eye(20))
    monkeypatch.chdir(tmp_path)
    finish(*start_run("run", "a.npy", Settings(hidden=3, epochs=2), validation="a.npy"), stop_after=1)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    finish(*resume_run(tmp_path / "run"))
    assert len(Run(tmp_path / "run").records()) == 2


@pytest.mark.parametrize("change", [{"settings": 3}, {"data": 5}, {"settings": {"hidden": "x"}}])
def test_a_config_that_makes_no_sense(change, tmp_path):
    run, *_ = begin(tmp_path / "run", epochs=1)
    config = json.loads((run.folder / "config.json").read_text()) | change
    (run.folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"config\.json is damaged"):
        resume_run(run.folder)
