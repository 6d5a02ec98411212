"""Records of training where TensorBoard looks for them."""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harmonium.errors import InputError, StorageError
from harmonium.training import Record

SCALARS = {
    "log_likelihood": "likelihood/log_likelihood",
    "pseudo_log_likelihood": "likelihood/pseudo_log_likelihood",
    "log_partition": "likelihood/log_partition",
    "free_energy_data": "free_energy/data",
    "free_energy_dreams": "free_energy/dreams",
    "free_energy_gap": "free_energy/validation_minus_training",
    "reconstruction_error": "training/reconstruction_error",
    "learning_rate": "training/learning_rate",
    "examples_per_second": "training/examples_per_second",
    "hidden_activity": "model/hidden_activity",
    "weight_norm": "model/weight_norm",
    "swap_rate": "sampling/swap_rate",
}
"""Where each field of a record is shown."""


class TensorBoard:
    """A callback that writes every record as scalars, at the number of updates done.

    Parameters
    ----------
    folder : path
        For the event files: ``tensorboard --logdir FOLDER`` shows them.

    Raises
    ------
    InputError
        When tensorboard is not installed.
    StorageError
        At the first record, when the folder cannot be made or written.

    Examples
    --------
    Training is an iterator, and this takes what it yields::

        logged = TensorBoard("logs/mnist")
        for record in run.train(state, data):
            logged(record)
        logged.close()

    An estimator calls it itself: ``harmonium.sklearn.RBM(callback=TensorBoard("logs/digits"))``.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._writer: Any = None
        if importlib.util.find_spec("tensorboard") is None:
            raise InputError("TensorBoard needs its package: pip install 'harmonium[tensorboard]'")

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open file out, so that an estimator that has this can be cloned and pickled."""
        return {"folder": self.folder, "_writer": None}

    def _open(self) -> Any:
        """Return a writer of a new event file."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = importlib.import_module("torch.utils.tensorboard")
        try:
            return module.SummaryWriter(str(self.folder))
        except OSError as error:
            raise StorageError(f"cannot write into {self.folder}: {error.strerror}") from error

    def __call__(self, record: Record) -> None:
        """Write a record."""
        if self._writer is None:
            self._writer = self._open()
        values = asdict(record)
        for name, tag in SCALARS.items():
            if values[name] is not None:
                self._writer.add_scalar(tag, values[name], record.update)
        if record.warning is not None:
            self._writer.add_text("warning", record.warning, record.update)
        self._writer.flush()

    def close(self) -> None:
        """End the event file; the next record begins another."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
