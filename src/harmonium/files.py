"""Writing files so that a kill, a crash or a full disk leaves the old file whole."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from harmonium.errors import InputError, StorageError

if TYPE_CHECKING:
    from torch import Tensor

HDF5 = b"\x89HDF\r\n\x1a\n"
"""How such a file begins."""


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; when the block ends well, rename it to `path` in one step.

    The rename happens after the bytes have reached the disk (``fsync``), so at every moment `path` is either the
    whole old file or the whole new one. When the block fails, the temporary file is removed.

    Parameters
    ----------
    path : path
        The file to be written or replaced; its folder must exist.

    Raises
    ------
    StorageError
        When the file cannot be written: the disk is full, the folder is missing or read-only.
    """
    path = Path(path)
    # A fixed name: what a killed process leaves behind is overwritten by the next save, not piled up.
    if not path.name or path.is_dir():
        raise StorageError(f"cannot write {path}: it is a folder, not a file")
    if not path.parent.is_dir():
        raise StorageError(f"cannot write {path}: there is no folder {path.parent}")
    part = path.with_name(f".{path.name}.part{path.suffix}")
    try:
        yield part
        with part.open("rb+") as handle:
            os.fsync(handle.fileno())
        part.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(
            f"cannot write {path}: {reason}; what was there before is untouched, so free the place and try again"
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def check_states_path(path: Path | None) -> None:
    """Raise `InputError` for a file of states whose name says that it is none of numpy's."""
    if path is not None and path.suffix not in ("", ".npy"):
        raise InputError(f"cannot write {path}: states are written as a .npy file")


def write_text(path: Path | str, text: str) -> None:
    """Replace the text file `path` in one step (see `replacing`)."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def write_tensors(path: Path | str, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Replace the safetensors file `path` in one step; `metadata`, any JSON object, goes into its header.

    Parameters
    ----------
    path : path
        The file to be written.
    tensors : mapping of str to Tensor
        Copied to the CPU; shared memory and strides are not kept.
    metadata : mapping
        Stored under the key ``harmonium`` of the header.
    """
    from safetensors.torch import save

    copies = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with replacing(path) as part:
        # Not save_file, which hides the operating system's errors and lets nobody else read the file.
        part.write_bytes(save(copies, {"harmonium": json.dumps(metadata)}))


def read_tensors(path: Path | str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of a safetensors file and the JSON object of its header.

    Raises
    ------
    InputError
        When the file is missing, cut short, altered, or was not written by harmonium.
    """
    from safetensors import safe_open

    if not Path(path).is_file():
        raise InputError(f"there is no file {path}")
    with Path(path).open("rb") as start:
        if start.read(8) == HDF5:
            raise InputError(f"{path} is an HDF5 file: if it is a model of rbms, read it with harmonium import {path}")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            # Copies, since products round otherwise where memory is not aligned, as that of the file.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  (it is no dict)
        metadata = json.loads(header["harmonium"])
    except KeyError:
        raise InputError(f"{path} is a safetensors file, but not one that harmonium wrote") from None
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        raise InputError(
            f"{path} is cut short, altered, or no safetensors file ({error}): restore or remake it"
        ) from error
    return tensors, metadata
