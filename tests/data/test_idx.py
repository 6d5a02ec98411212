import gzip
import struct

import numpy as np
import pytest

from harmonium.data.idx import parse_idx, read_idx
from harmonium.errors import InputError


def idx_bytes(array):
    code = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code[array.dtype.name], array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "float32", "float64"])
def test_every_type_comes_back(dtype):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    back = parse_idx(idx_bytes(array), "x")
    assert back.dtype == array.dtype
    assert np.array_equal(back, array)


def test_gzipped_or_not(tmp_path):
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    (tmp_path / "a.idx").write_bytes(idx_bytes(array))
    (tmp_path / "b-ubyte.gz").write_bytes(gzip.compress(idx_bytes(array)))
    for name in ("a.idx", "b-ubyte.gz"):
        assert np.array_equal(read_idx(tmp_path / name), array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an idx file"),
        (b"PK\x03\x04abcd", "not an idx file"),
        (idx_bytes(np.zeros((2, 3), np.uint8))[:9], "within its header"),
        (idx_bytes(np.zeros((2, 3), np.uint8))[:-1], "cut short: it has 17 bytes where its header announces 18"),
        (idx_bytes(np.zeros((2, 3), np.uint8)) + b"x", "too long"),
    ],
)
def test_a_damaged_file_says_what_is_wrong(content, message):
    with pytest.raises(InputError, match=message):
        parse_idx(content, "digits.idx")


def test_a_cut_gzip_names_the_file(tmp_path):
    path = tmp_path / "cut-ubyte.gz"
    path.write_bytes(gzip.compress(idx_bytes(np.zeros((50, 30), np.uint8)))[:-9])
    with pytest.raises(InputError, match=r"cut-ubyte\.gz is cut short or altered"):
        read_idx(path)
