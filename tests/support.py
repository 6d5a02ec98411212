"""Files and servers that several tests need."""

import gzip
import struct

import numpy as np


def idx_bytes(array):
    """Return a uint8 array in idx format."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def write_idx(path, array):
    """Write a uint8 array as an idx file, gzipped if its name says so."""
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
