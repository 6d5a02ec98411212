"""The counter-based generator against the known answers that came with Random123, and against itself in Python."""

import numpy as np
import pytest
from scipy import stats

from harmonium.kernels.compiled.philox import fill_uniform, philox

MASK = 0xFFFFFFFF


def philox_in_python(counter, key):
    """Philox4x32-10 with Python's whole numbers."""
    c, k = list(counter), list(key)
    for _ in range(10):
        low, high = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(high >> 32) ^ c[1] ^ k[0], high & MASK, (low >> 32) ^ c[3] ^ k[1], low & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([MASK] * 4, [MASK] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_known_answers(counter, key, answer):
    found = compiled_philox(counter, key)
    assert [int(word) for word in found] == answer == philox_in_python(counter, key)


def compiled_philox(counter, key):
    return philox(*(np.uint32(word) for word in [*counter, *key]))


def test_uniform_numbers_are_the_top_24_bits_of_the_words():
    key, start = 0x0123456789ABCDEF, 2**32 - 2  # the counter runs over the border of its first word
    uniform = np.empty(16, np.float32)
    fill_uniform(uniform, start, key)
    for b in range(4):
        counter = start + b
        words = philox_in_python([counter & MASK, counter >> 32, 0, 0], [key & MASK, key >> 32])
        assert [float(u) for u in uniform[b::4]] == [(word >> 8) / 2**24 for word in words]


def test_uniform_numbers_are_uniform_and_independent_of_their_neighbours():
    """Chi-square of 256 bins, and of pairs in 32 x 32 bins: neighbours, words of one counter, two keys; 1e-4 each."""
    uniform, other = np.empty(400_000, np.float32), np.empty(400_000, np.float32)
    fill_uniform(uniform, 0, 1)
    fill_uniform(other, 0, 2)
    assert stats.chisquare(np.bincount((uniform * 256).astype(int))).pvalue > 1e-4
    for first, second in (
        (uniform[:-1], uniform[1:]),
        (uniform[: len(uniform) // 4], uniform[-(len(uniform) // 4) :]),
        (uniform, other),
    ):
        cells = (first * 32).astype(int) * 32 + (second * 32).astype(int)
        assert stats.chisquare(np.bincount(cells, minlength=1024)).pvalue > 1e-4
