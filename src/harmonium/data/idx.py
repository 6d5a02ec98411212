"""The idx format, in which MNIST is distributed."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from harmonium.errors import InputError

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file, decompressed if its name ends in .gz.

    Raises
    ------
    InputError
        When the file cannot be read, or its compressed data are cut short or altered.
    """
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path} is cut short or altered ({error}): fetch it again") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def parse_idx(content: bytes, place: str) -> np.ndarray:
    """Return the array that idx bytes hold.

    The format: two zero bytes, a byte for the type, a byte for the number of dimensions d, d big-endian 32-bit sizes,
    then the values, big-endian, the last index running fastest (Y. LeCun, "The MNIST database").

    Parameters
    ----------
    content : bytes
        The uncompressed file.
    place : str
        Its name, for messages.

    Raises
    ------
    InputError
        When it is no idx file, or is shorter or longer than its header says.
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _DTYPES or content[3] == 0:
        raise InputError(f"{place} is not an idx file: its first four bytes are {content[:4].hex(' ') or 'missing'}")
    header = 4 + 4 * content[3]
    if len(content) < header:
        raise InputError(f"{place} is cut short within its header: fetch it again")
    shape = struct.unpack(f">{content[3]}I", content[4:header])
    dtype = np.dtype(_DTYPES[content[2]])
    expected = header + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        problem = "cut short" if len(content) < expected else "too long"
        raise InputError(f"{place} is {problem}: it has {len(content)} bytes where its header announces {expected}")
    array = np.frombuffer(content, dtype, offset=header).reshape(shape)
    return array.astype(dtype.newbyteorder("="))  # a copy: the buffer is read-only


def read_idx(path: Path) -> np.ndarray:
    """Read an idx file, gzipped or not (see `parse_idx`)."""
    return parse_idx(read_bytes(path), str(path))
