"""The data sets by name, and everything else by path."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from harmonium.data.bars_and_stripes import bars_and_stripes
from harmonium.data.dataset import Dataset
from harmonium.data.idx_sets import FASHION_MNIST, MNIST
from harmonium.data.own_files import is_idx_name, load_file
from harmonium.data.package_sets import load_digits, load_mnist5k
from harmonium.errors import InputError, unknown_name

_LOADERS: dict[str, Callable[[Path | None], Dataset]] = {
    "mnist": MNIST.load,
    "fashion-mnist": FASHION_MNIST.load,
    "mnist5k": lambda data_dir: load_mnist5k(),
    "digits": lambda data_dir: load_digits(),
    "bars-and-stripes": lambda data_dir: bars_and_stripes(),
}
NAMES = tuple(sorted(_LOADERS))
"""The names of the data sets that need no file of one's own."""

_FILE_ENDINGS = {".npy", ".npz", ".csv", ".parquet", ".idx", ".gz"}


def load(name: str, data_dir: Path | str | None = None) -> Dataset:
    """Load a data set by its name, or from a file.

    Parameters
    ----------
    name : str
        ``mnist``, ``fashion-mnist``, ``mnist5k``, ``digits``, ``bars-and-stripes`` (4x4) or ``bars-and-stripes:3x5``;
        or the path of an .npy, .npz, .csv, .parquet or idx file.
    data_dir : path, optional
        Where the files of mnist and fashion-mnist lie; without it, ``HARMONIUM_DATA``, the operating system's package,
        the cache and the mirrors are tried.

    Raises
    ------
    InputError
        When there is no such set or file, or its content is not what it should be.

    Examples
    --------
    >>> len(load("bars-and-stripes:3x3").train)
    14
    """
    if name in _LOADERS:
        return _LOADERS[name](None if data_dir is None else Path(data_dir))
    size = re.fullmatch(r"bars-and-stripes:(\d+)x(\d+)", name)
    if size:
        return bars_and_stripes(int(size[1]), int(size[2]))
    if name.startswith("bars-and-stripes:"):
        raise InputError(f"{name!r} gives no size: write bars-and-stripes:HEIGHTxWIDTH, such as bars-and-stripes:3x3")
    path = Path(name)
    if path.suffix in _FILE_ENDINGS or is_idx_name(path) or path.exists() or len(path.parts) > 1:
        return load_file(path)
    error = unknown_name("data set", name, NAMES)
    raise InputError(f"{error}; or give the path of an .npy, .npz, .csv, .parquet or idx file")
