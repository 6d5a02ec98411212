"""MNIST and Fashion-MNIST: four idx files, from a local folder, the user's cache or a mirror."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from harmonium.data.dataset import Dataset, table
from harmonium.data.download import download, user_cache, verified_bytes
from harmonium.data.idx import parse_idx
from harmonium.errors import InputError

FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


@dataclass(frozen=True)
class IdxSet:
    """Where the four files of a set may be found, and how they are known to be right.

    Attributes
    ----------
    name : str
        The set's name, and that of its folder.
    mirrors : tuple of str
        Addresses of folders that hold the files, in the order in which they are tried.
    sha256 : tuple of str
        SHA-256 of the uncompressed content of each of `FILES`.
    system_folder : Path, optional
        Where a package of the operating system puts the files.
    """

    name: str
    mirrors: tuple[str, ...]
    sha256: tuple[str, str, str, str]
    system_folder: Path | None = None

    def load(self, data_dir: Path | None) -> Dataset:
        """Load the set.

        Parameters
        ----------
        data_dir : Path, optional
            The folder that holds the files, or a folder ``name`` with them; without it, ``HARMONIUM_DATA``, the folder
            of the operating system's package, the user's cache, and the mirrors are tried in this order.

        Raises
        ------
        InputError
            When the files are nowhere, or one is cut short or altered.
        """
        paths = self._local_files(data_dir)
        if paths is None:
            folder = user_cache() / self.name
            paths = [download(self.mirrors, *pair, folder) for pair in zip(FILES, self.sha256, strict=True)]
        arrays = [
            parse_idx(verified_bytes(path, sha256), str(path)) for path, sha256 in zip(paths, self.sha256, strict=True)
        ]
        return self._assemble(arrays)

    def _assemble(self, arrays: list[np.ndarray]) -> Dataset:
        train, image_shape = table(arrays[0], self.name)
        test, _ = table(arrays[2], self.name)
        labels = [torch.from_numpy(array.astype(np.int64)) for array in (arrays[1], arrays[3])]
        return Dataset(self.name, train, test, labels[0], labels[1], image_shape)

    def _local_files(self, data_dir: Path | None) -> list[Path] | None:
        """Return the four paths in the first folder that has them, or None."""
        if data_dir is not None:
            found = _four_files(data_dir / self.name) or _four_files(data_dir)
            if found is None:
                raise InputError(
                    f"{data_dir} does not hold {self.name}: put {', '.join(FILES)} into {data_dir / self.name}"
                )
            return found
        environment = os.environ.get("HARMONIUM_DATA")
        folders = [Path(environment) / self.name] if environment else []
        folders += [self.system_folder] if self.system_folder else []
        folders.append(user_cache() / self.name)
        return next((found for folder in folders if (found := _four_files(folder))), None)


def _four_files(folder: Path) -> list[Path] | None:
    """Return the paths of the four files, gzipped or not, if the folder has all of them."""
    paths = []
    for name in FILES:
        candidates = (folder / name, folder / name.removesuffix(".gz"))
        path = next((path for path in candidates if path.is_file()), None)
        if path is None:
            return None
        paths.append(path)
    return paths


MNIST = IdxSet(
    "mnist",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)

FASHION_MNIST = IdxSet(
    "fashion-mnist",
    ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    Path("/usr/share/datasets/fashion-mnist"),
)
