"""The folder of a stack: a run for every layer, and the model file of the whole."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harmonium.data import Dataset, load
from harmonium.deep.files import StackFile, read_stack
from harmonium.errors import InputError
from harmonium.training import Run, Settings
from harmonium.training.run import FILES

KIND = "dbn"

STACK_FILES = (
    "config.json",
    "model.safetensors",
    "greedy.safetensors",
    "dreams-[0-9]*.png",
    "features-[0-9]*.png",
    "curves-[0-9]*.png",
    "map.png",
    "report.html",
    "classifier.safetensors",
    "classifier.json",
)
"""Every file of its own that the folder may hold, as patterns, beside the folders of the layers."""


@dataclass(frozen=True)
class StackRun:
    """The folder of a stack.

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
        """Return ``data``, ``validation``, ``labels``, ``transposed``, ``fingerprint`` and the settings of each layer.

        Raises
        ------
        InputError
            When the folder is no folder of a stack, or its config.json is damaged.
        """
        path = self.folder / "config.json"
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
            if "kind" not in config and "settings" in config:
                raise InputError(f"{self.folder} is the run of a single RBM, not of a stack: train one with --layers")
            missing = {"kind", "data", "validation", "labels", "transposed", "fingerprint", "layers"} - config.keys()
            if missing or config["kind"] != KIND:
                raise ValueError(f"it lacks {', '.join(sorted(missing)) or 'the kind of a stack'}")
        except OSError:
            raise InputError(f"{self.folder} is not the folder of a stack: it has no config.json") from None
        except (ValueError, TypeError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{path} is damaged ({error}): restore it or start a new run") from error
        return dict(config)

    def settings(self) -> list[Settings]:
        """Return the settings of every layer, as they were given."""
        try:
            return [Settings(**stored) for stored in self.config()["layers"]]
        except TypeError as error:
            raise InputError(
                f"{self.folder / 'config.json'} is damaged ({error}): restore it or start a new run"
            ) from error

    def bottom_settings(self) -> Settings:
        """Return the settings of the bottom layer as the data need them: without labels."""
        bottom = self.settings()[0]
        if not bottom.visible.startswith("labelled"):
            return bottom
        return replace(bottom, visible="bernoulli", binarize=self.config().get("binarize"))

    def layer(self, number: int) -> Run:
        """Return the run of a layer, counted from 1 at the bottom."""
        return Run(self.folder / f"layer-{number}")

    def dataset(self, data_dir: Path | str | None = None) -> Dataset:
        """Load the data that the stack was trained on."""
        return load(self.config()["data"], data_dir)

    def model(self) -> StackFile:
        """Return the stack.

        Raises
        ------
        InputError
            When the folder is none of a stack, it has not been trained to the top yet, or its file is damaged.
        """
        self.config()
        if not self.model_path.exists():
            raise InputError(
                f"{self.folder} has not been trained to its top layer yet; to go on: "
                f"harmonium train --out {self.folder} --resume"
            )
        return read_stack(self.model_path)

    @property
    def greedy_path(self) -> Path:
        """What greedy learning gave, where fine-tuning has changed the model."""
        return self.folder / "greedy.safetensors"

    def greedy(self) -> StackFile:
        """Return the stack as greedy learning left it."""
        return read_stack(self.greedy_path) if self.greedy_path.exists() else self.model()

    def exists(self) -> bool:
        """Whether the folder holds a run already, of a stack or of an RBM."""
        return bool(self._files()) or self.layer(1).folder.exists()

    def _files(self) -> set[Path]:
        return {path for pattern in {*STACK_FILES, *FILES} for path in self.folder.glob(pattern)}

    def remove(self) -> None:
        """Remove the files of a run that is replaced."""
        for path in self._files():
            path.unlink(missing_ok=True)
        number = 1
        while (run := self.layer(number)).folder.exists():
            run.remove(FILES)
            if not any(run.folder.iterdir()):
                run.folder.rmdir()
            number += 1
