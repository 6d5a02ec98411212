"""What a stack can stand on: finished runs, of an RBM or of the lower layers of another stack."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from harmonium.deep.run import StackRun
from harmonium.errors import InputError, StorageError
from harmonium.training import Materials, Run, Settings, start
from harmonium.training.run import ESSENCE


@dataclass(frozen=True)
class Foundation:
    """Finished runs that become the lowest layers of a new stack.

    Attributes
    ----------
    named : Path
        The folder that the user named.
    runs : tuple of Run
        From the bottom up.
    """

    named: Path
    runs: tuple[Run, ...]

    @classmethod
    def of(cls, folder: Path | str) -> Foundation:
        """Return the run of an RBM; of a layer of a stack, that and those below it; of a stack, all of its layers.

        Raises
        ------
        InputError
            When the folder is none of these, or it has not been trained to its end.
        """
        named = Path(folder)
        stack = StackRun(named)
        if stack.layer(1).folder.exists():
            stack.model()  # or say that its top layer has not been trained
            return cls(named, tuple(stack.layer(number) for number, _ in enumerate(stack.settings(), 1)))
        height = Run(named).config().get("layer", 1)
        if height == 1:
            return cls(named, (Run(named),))
        stack = StackRun(named.parent)
        if not (stack.layer(height + 1).folder.exists() or stack.model_path.exists()):
            raise InputError(f"{named} has not been trained to its end: harmonium train --out {stack.folder} --resume")
        return cls(named, tuple(stack.layer(number) for number in range(1, height + 1)))

    def settings(self) -> list[Settings]:
        """Return the settings of its layers.

        Raises
        ------
        InputError
            When the highest learned labels, which no layer can stand on.
        """
        found = [run.settings() for run in self.runs]
        if found[-1].visible.startswith("labelled"):
            raise InputError(
                f"{self.named} learned labels in its highest layer, on which no layer can stand: "
                "name the layer below it, or a stack trained without --labels"
            )
        return found

    def validation(self, asked: str | float | None) -> str | float | None:
        """Return what its validation examples are, or raise `InputError` where others are asked for."""
        own: str | float | None = self.runs[0].config()["validation"]
        if asked is not None:
            raise InputError(f"the validation examples are those of {self.named}, {own}: leave them out")
        return own

    def check_apart(self, folder: Path) -> None:
        """Raise `InputError` if a new stack in this folder would take the place of what it stands on."""
        for run in self.runs:
            if folder.resolve() in (run.folder.resolve(), *run.folder.resolve().parents):
                raise InputError(
                    f"the stack on {self.named} needs a folder of its own, not {folder}: choose another --out"
                )

    def check(self, settings: Settings, bottom: Materials) -> None:
        """Raise `InputError` unless the lowest was trained to its end on these data."""
        lowest = self.runs[0]
        if bottom.fingerprint() != lowest.config()["fingerprint"]:
            raise InputError(
                f"{self.named} was trained on other data, {lowest.config()['data']}: stack layers on those"
            )
        state = start(settings, bottom)
        lowest.read(state)
        if not state.finished:
            raise InputError(
                f"{lowest.folder} has not been trained to its end: harmonium train --out {lowest.folder} --resume"
            )

    def copy(self, stack: StackRun) -> None:
        """Make the runs the lowest layers of a stack."""
        for number, run in enumerate(self.runs, 1):
            layer = stack.layer(number)
            try:
                layer.folder.mkdir()
                for name in ESSENCE:
                    if (run.folder / name).exists():
                        shutil.copyfile(run.folder / name, layer.folder / name)
            except OSError as error:
                raise StorageError(f"cannot copy {run.folder} to {layer.folder}: {error.strerror}") from error
