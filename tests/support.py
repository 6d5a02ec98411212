"""Files and images that several tests need."""

import gzip
import struct

import numpy as np
import torch


def idx_bytes(array):
    """Return a uint8 array in idx format."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def write_idx(path, array):
    """Write a uint8 array as an idx file, gzipped if its name says so."""
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def strokes(cases=50):
    """Images of 28x28 with a slanted bar of gray edges, no two alike."""
    y, x = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    slant = torch.linspace(-0.4, 0.4, cases)[:, None, None]
    across = (x - 13.5) - slant * (y - 13.5)
    return ((2.5 - across.abs()).clamp(0, 1) * ((y > 4) & (y < 23))).float()


def with_threads(compute, counts=(1, 2, 3)):
    """Return what a function computes on each of these numbers of threads."""
    before, found = torch.get_num_threads(), []
    try:
        for count in counts:
            torch.set_num_threads(count)
            found.append(compute())
    finally:
        torch.set_num_threads(before)
    return found


def seeded(seed=0):
    """Return a generator of its own."""
    return torch.Generator().manual_seed(seed)
