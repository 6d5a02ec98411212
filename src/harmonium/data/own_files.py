"""A person's own data: .npy, .npz, .csv, .parquet and idx files."""

from __future__ import annotations

import csv
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from harmonium.data.dataset import Dataset, table
from harmonium.data.idx import read_idx
from harmonium.errors import InputError

COUNTED = 8
"""So many numbers in their order are no example."""


def load_file(path: Path) -> Dataset:
    """Load a data set from one file, the format told by its name.

    Parameters
    ----------
    path : Path
        ``.npy`` (memory-mapped, so it may be larger than memory), ``.npz`` (its only array, or the one named train,
        x_train, data, x or images; one named test or x_test becomes the test set, and one-dimensional ones named y,
        y_train or labels, and y_test or test_labels, the classes), ``.csv`` (with or without a line of names, for
        which eight or more that count 0, 1, 2, ... or 1, 2, 3, ... are taken too), ``.parquet``, or an idx file,
        gzipped or not.

    Raises
    ------
    InputError
        When the file is missing, cut short, altered, of another format, empty, or not a table of real numbers.
    """
    if not path.is_file():
        raise InputError(f"there is no data file {path}")
    readers: dict[str, Callable[[Path], np.ndarray]] = {
        ".npy": _read_npy,
        ".csv": _read_csv,
        ".parquet": _read_parquet,
    }
    test = labels = test_labels = None
    if path.suffix == ".npz":
        train, test, labels, test_labels = _read_npz(path)
    elif path.suffix in readers:
        train = readers[path.suffix](path)
    elif is_idx_name(path):
        train = read_idx(path)
    else:
        raise InputError(f"{path} has no ending that is known: use .npy, .npz, .csv, .parquet, or an idx file's name")
    cases, image_shape = table(train, str(path))
    test_cases = None if test is None else table(test, f"the test array of {path}")[0]
    if test_cases is not None and test_cases.width != cases.width:
        raise InputError(f"the test array of {path} has {test_cases.width} columns, its training array {cases.width}")
    return Dataset(str(path), cases, test_cases, _as_labels(labels), _as_labels(test_labels), image_shape)


def _as_labels(array: np.ndarray | None) -> Tensor | None:
    """Return the classes of examples; None where these are no whole numbers in one dimension, and so no classes."""
    if array is None or array.ndim != 1 or array.dtype.kind not in "iub":
        return None
    return torch.from_numpy(array.astype(np.int64))


def is_idx_name(path: Path) -> bool:
    """Whether a name is that of an idx file: x.idx, x-idx3-ubyte, or either with .gz."""
    stem = path.name.removesuffix(".gz")
    return stem.endswith((".idx", "ubyte")) or "-idx" in stem


def _read_npy(path: Path) -> np.ndarray:
    try:
        # Copy-on-write: the pages are read when a batch needs them, and the file is never written.
        return np.load(path, mmap_mode="c", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"{path} cannot be read as a .npy file, it may be cut short or altered: {error}") from error


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Return training and test examples and the labels of both."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = list(archive.files)

            def first(*known: str) -> np.ndarray | None:
                return next((archive[name] for name in known if name in names), None)

            def labels(*known: str) -> np.ndarray | None:
                try:
                    return first(*known)
                except ValueError:  # Python objects, which are not read; texts, say
                    return None

            train = archive[names[0]] if len(names) == 1 else first("train", "x_train", "data", "x", "images")
            if train is None:
                raise InputError(f"{path} holds the arrays {', '.join(names) or 'none'}: name one of them 'train'")
            return train, first("test", "x_test"), labels("y", "y_train", "labels"), labels("y_test", "test_labels")
    except InputError:
        raise
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read as a .npz file, it may be cut short or altered: {error}") from error


def _read_csv(path: Path) -> np.ndarray:
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            first = next(csv.reader(handle), [])
        if not first:
            raise InputError(f"{path} is empty: give at least two examples with at least one column")
        has_names = _counts(first) or not all(_is_number(cell) for cell in first)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a file without rows, which is refused by name
            values = np.loadtxt(path, delimiter=",", skiprows=int(has_names), ndmin=2, encoding="utf-8-sig")
    except InputError:
        raise
    except (ValueError, OSError) as error:
        reason = str(error).split("; use `", maxsplit=1)[0]  # the rest is advice on numpy's own arguments
        raise InputError(f"{path} cannot be read as a table of numbers: {reason}") from error
    # Counts and bytes are written without a decimal point: keep them whole, so that 0..255 are known for bytes.
    whole = values.size and bool(np.all(np.abs(values) < 2**53)) and np.array_equal(values, np.trunc(values))
    return values.astype(np.int64) if whole else values


def _counts(cells: list[str]) -> bool:
    """Whether a line counts columns, as tables of arrays are written."""
    return len(cells) >= COUNTED and any(cells == [str(k + first) for k in range(len(cells))] for first in (0, 1))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _read_parquet(path: Path) -> np.ndarray:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise InputError(f"reading {path} needs pyarrow: pip install 'harmonium[parquet]'") from error
    try:
        columns = parquet.read_table(path)
        return np.column_stack([column.to_numpy() for column in columns.itercolumns()])
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as a .parquet file, it may be cut short or altered: {error}"
        ) from error
