"""The folder that keeps a run: model, checkpoint, settings and records."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from torch import Tensor

import harmonium
from harmonium.data import Dataset, load
from harmonium.errors import InputError, StorageError
from harmonium.files import read_tensors, write_tensors, write_text
from harmonium.gradients.trajectory import LADDER, ladder_of
from harmonium.io import ModelFile, read_model_file, save_model
from harmonium.rbm import RBM
from harmonium.sampling import GibbsState
from harmonium.training.beginning import start
from harmonium.training.budget import fitted
from harmonium.training.loop import train
from harmonium.training.materials import Materials, materials, monitored_examples, split
from harmonium.training.record import Record
from harmonium.training.settings import Settings
from harmonium.training.state import TrainingState

CHECKPOINT_FORMAT = 2
PERSISTENT = "persistent."
FILES = (
    "config.json",
    "metrics.jsonl",
    "model.safetensors",
    "checkpoint.safetensors",
    "checkpoint.json",
    "diagnosis.json",
    "diagnostics.png",
    "features.png",
    "dreams.png",
    "curves.png",
    "film.gif",
    "report.html",
)
"""Every file that a run folder may hold; overwriting a run replaces these and touches nothing else."""

ESSENCE = ("config.json", "metrics.jsonl", "model.safetensors", "checkpoint.safetensors", "checkpoint.json")
"""What of these a run is: the others are drawn from them."""

STALE = tuple(name for name in FILES if name.endswith((".jsonl", ".png", ".gif", ".html")) or name == "diagnosis.json")
"""What an overwritten run leaves that the new one has not made yet."""


@dataclass(frozen=True)
class Run:
    """A run folder.

    Attributes
    ----------
    folder : Path
        Where it lies.
    """

    folder: Path

    @property
    def model_path(self) -> Path:
        """The model file."""
        return self.folder / "model.safetensors"

    def config(self) -> dict[str, Any]:
        """Return what the run was started with: ``data``, ``validation``, ``settings``, ``fingerprint``, ``version``.

        Raises
        ------
        InputError
            When the folder is no run folder, or its config.json is damaged.
        """
        path = self.folder / "config.json"
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
            missing = {"settings", "data", "validation", "fingerprint"} - config.keys()
            if missing or not isinstance(config["settings"], dict) or not isinstance(config["data"], str):
                raise ValueError(f"it lacks {', '.join(sorted(missing)) or 'usable settings'}")
        except OSError:
            raise InputError(f"{self.folder} is not a run folder: it has no config.json") from None
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError(f"{path} is damaged ({error}): restore it or start a new run") from error
        return config

    def settings(self) -> Settings:
        """Return the settings of the run."""
        stored = self.config()["settings"]
        unknown = set(stored) - {field.name for field in fields(Settings)}
        if unknown:
            raise InputError(
                f"{self.folder / 'config.json'} has settings that this harmonium does not know: "
                f"{', '.join(sorted(unknown))}; update harmonium"
            )
        try:
            return Settings(**stored)
        except TypeError as error:
            path = self.folder / "config.json"
            raise InputError(f"{path} is damaged ({error}): restore it or start a new run") from error

    def dataset(self, data_dir: Path | str | None = None) -> Dataset:
        """Load the data that the run was trained on."""
        config = self.config()
        if "layer" in config:
            raise InputError(
                f"{self.folder} is layer {config['layer']} of a stack, which saw states of the layer below, no data: "
                f"name the stack, {self.folder.parent}"
            )
        return load(config["data"], data_dir)

    def examples(self, data_dir: Path | str | None = None) -> tuple[Tensor, Tensor | None]:
        """Return prepared training examples (k, n) and validation examples: those that its records were measured on."""
        settings = self.settings()
        train, held_out = split(self.dataset(data_dir), settings, self.config()["validation"])
        preparation = read_model_file(self.model_path).preparation
        return monitored_examples(train, held_out, preparation, settings.seed)

    def chains(self) -> GibbsState | None:
        """Return the persistent chains of the last checkpoint, or None where there are none."""
        path = self.folder / "checkpoint.safetensors"
        tensors = read_tensors(path)[0] if path.exists() else {}
        names = {name: f"chains.{name}" for name in GibbsState._fields}
        if not tensors.keys() >= set(names.values()):
            return None
        return GibbsState(**{name: tensors[stored] for name, stored in names.items()})

    def ladder(self) -> list[RBM] | None:
        """Return the models of trajectory tempering, from the independent one to the kept one; None without them."""
        path = self.folder / "checkpoint.safetensors"
        tensors, numbers = read_tensors(path) if path.exists() else ({}, {})
        persistent = {name.removeprefix(PERSISTENT): tensors[name] for name in tensors if name.startswith(PERSISTENT)}
        if not any(name.startswith(LADDER) for name in persistent):
            return None
        kept = read_model_file(self.model_path).rbm
        frozen = ladder_of(kept, persistent)
        return [*frozen[: numbers.get("best_rung") or len(frozen)], kept]

    def records(self) -> list[Record]:
        """Return the records so far; a last line that a kill cut short is left out."""
        path = self.folder / "metrics.jsonl"
        records = []
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        for line in text.splitlines():
            try:
                records.append(Record(**json.loads(line)))
            except (json.JSONDecodeError, TypeError):
                break
        return records

    def exists(self) -> bool:
        """Whether the folder holds a run already, or files of a run's names."""
        return any((self.folder / name).exists() for name in FILES)

    def remove(self, names: Iterable[str]) -> None:
        """Remove these files of the run, where they exist."""
        for name in names:
            (self.folder / name).unlink(missing_ok=True)

    def save(self, state: TrainingState, data: Materials) -> None:
        """Write checkpoint and model, each replaced in one step.

        The checkpoint's tensors and its numbers travel in one file, so that a kill between two files cannot part them;
        checkpoint.json is a copy of the numbers for people and other programs.
        """
        numbers = {"format": CHECKPOINT_FORMAT, **state.numbers()}
        write_tensors(self.folder / "checkpoint.safetensors", state.tensors(), numbers)
        write_text(self.folder / "checkpoint.json", json.dumps(numbers, indent=1) + "\n")
        save_model(self.model_path, state.model, data.preparation, data.image_shape)

    def restore(self, state: TrainingState) -> None:
        """Put a fresh state where the checkpoint stands, and drop records that came after it."""
        self.read(state)
        kept = [record for record in self.records() if record.update <= state.update]
        write_text(self.folder / "metrics.jsonl", "".join(record.to_json() + "\n" for record in kept))

    def read(self, state: TrainingState) -> None:
        """Put a fresh state where the checkpoint stands."""
        path = self.folder / "checkpoint.safetensors"
        tensors, numbers = read_tensors(path)
        if numbers.get("format", 0) > CHECKPOINT_FORMAT:
            raise InputError(
                f"{path} is of format {numbers['format']}, newer than this harmonium reads: update harmonium"
            )
        if numbers.get("format", 0) < CHECKPOINT_FORMAT:
            raise InputError(f"{path} is of an older format, which cannot go on; its model is whole: start a new run")
        try:
            state.restore(tensors, numbers)
        except InputError as error:
            raise InputError(f"cannot resume {self.folder}: {error}") from error

    def append(self, record: Record) -> None:
        """Add a record to metrics.jsonl."""
        path = self.folder / "metrics.jsonl"
        try:
            with path.open("a", encoding="utf-8") as handle:
                handle.write(record.to_json() + "\n")
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror}") from error

    def train(
        self,
        state: TrainingState,
        data: Materials,
        *,
        stop_after: int | None = None,
        after_update: Callable[[TrainingState], bool | None] | None = None,
    ) -> Iterator[Record]:
        """Train as `harmonium.training.train` does, and keep every record and checkpoint in the folder."""
        for record in train(state, data, stop_after=stop_after, after_update=after_update):
            self.append(record)
            self.save(state, data)
            yield record
        self.save(state, data)


def start_run(
    folder: Path | str,
    data: str,
    settings: Settings,
    *,
    data_dir: Path | str | None = None,
    validation: str | float | None = None,
    overwrite: bool = False,
    minutes: float | None = None,
) -> tuple[Run, TrainingState, Materials]:
    """Check everything, then make the run folder; nothing is written when something is wrong.

    Parameters
    ----------
    folder : path
        The run folder.
    data : str
        The name or path of the data set.
    settings : Settings
        What the run is to be like.
    data_dir : path, optional
        Where mnist and fashion-mnist lie.
    validation : str or float, optional
        A file, or a fraction of the training examples; by default the data set's own fraction.
    overwrite : bool
        Whether a run that the folder holds is to be replaced.
    minutes : float, optional
        Plan as many epochs as fit into this time.

    Returns
    -------
    run : Run
    state : TrainingState
        Before the first update.
    data : Materials

    Raises
    ------
    InputError
        When the folder holds a run and `overwrite` is false, or anything is wrong with the data or the settings.
    StorageError
        When the folder cannot be made or written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run, state, data = start_run(folder, "bars-and-stripes", Settings(hidden=8, epochs=2))
    ...     epochs = [record.epoch for record in run.train(state, data)]
    >>> epochs
    [1, 2]
    """
    begun = time.perf_counter()
    run = Run(Path(folder))
    check_new(run.folder, run.exists() and not overwrite)
    dataset = load(data, data_dir)
    validation = dataset.validation if validation is None else validation
    ready = materials(dataset, settings, validation)
    if minutes is not None:
        settings = fitted(settings, ready, minutes, time.perf_counter() - begun)
    state = start(settings, ready)
    config = {
        "harmonium": harmonium.__version__,
        "data": absolute(data),
        "validation": absolute(validation),
        "settings": state.settings.to_json(),
        "fingerprint": ready.fingerprint(),
    }
    make_run(run, config, state, ready)
    return run, state, ready


def check_new(folder: Path, taken: bool) -> None:
    """Raise `InputError` when a folder holds a run already that is not to be replaced, or is a file."""
    if taken:
        raise InputError(
            f"{folder} holds a run already: go on with --resume, replace it with --overwrite, or choose another --out"
        )
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, not a folder: choose another --out")


def absolute(name: str | float) -> str | float:
    """Return the absolute path where a file is named, so that the run can be resumed from anywhere."""
    return str(Path(name).resolve()) if isinstance(name, str) and Path(name).is_file() else name


def make_run(run: Run, config: dict[str, Any], state: TrainingState, ready: Materials) -> None:
    """Write the files of a new run; an old one gives way when the new one is whole, and a failed start leaves none."""
    replaces = run.exists()
    try:
        run.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make the folder {run.folder}: {error.strerror}") from error
    try:
        run.save(state, ready)
        write_text(run.folder / "config.json", json.dumps(config, indent=1) + "\n")
    except StorageError:
        if not replaces:
            run.remove(FILES)
        raise
    run.remove(STALE)


def resume_run(
    folder: Path | str, *, data_dir: Path | str | None = None, epochs: int | None = None
) -> tuple[Run, TrainingState, Materials]:
    """Return a run where its checkpoint stands, ready to go on to the planned total.

    Parameters
    ----------
    folder : path
        The run folder.
    data_dir : path, optional
        Where mnist and fashion-mnist lie.
    epochs : int, optional
        A new planned total, where the learning rate is constant and thus does not depend on it.

    Raises
    ------
    InputError
        When there is no run, its data are not what they were, or a file is damaged.
    """
    run = Run(Path(folder))
    config, settings = run.config(), run.settings()
    if epochs is not None and epochs != settings.epochs:
        if settings.schedule != "constant":
            raise InputError(
                f"{folder} was planned for {settings.epochs} epochs and its {settings.schedule} schedule depends "
                "on that: resume without --epochs"
            )
        settings = Settings(**{**settings.to_json(), "epochs": epochs})
        config["settings"] = settings.to_json()
    ready = materials(run.dataset(data_dir), settings, config["validation"])
    if ready.fingerprint() != config["fingerprint"]:
        raise InputError(f"cannot resume {folder}: its data, {config['data']}, are not what they were when it started")
    state = start(settings, ready)
    run.restore(state)
    if state.epochs < state.epochs_done:
        raise InputError(f"{folder} has done {state.epochs_done} epochs already: plan for as many or more")
    write_text(run.folder / "config.json", json.dumps(config, indent=1) + "\n")
    return run, state, ready


def open_model(path: Path | str) -> ModelFile:
    """Return the model of a run folder, or of a bare model file.

    Raises
    ------
    InputError
        When there is none, or it is damaged.
    """
    path = Path(path)
    if path.is_dir():
        if not (path / "model.safetensors").exists():
            raise InputError(f"{path} is not a run folder: it has no model.safetensors")
        return read_model_file(path / "model.safetensors")
    if not path.exists():
        raise InputError(f"there is no run folder or model file {path}")
    return read_model_file(path)
