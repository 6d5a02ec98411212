"""Binary states as single bits, a 32nd of the memory of float32: so an update hands them from kernel to kernel."""

from __future__ import annotations

import torch
from torch import Tensor

LANES = 32
"""So many units share a word."""


def bits_for(cases: int, n: int) -> Tensor:
    """Return room for the states of n units in so many cases: int32 (ceil(n / 32), 32 ceil(cases / 32)), all 0.

    Bit k of word (block, case) is unit 32 block + k; what lies beyond the last case or unit stays 0.
    """
    return torch.zeros(-(-n // LANES), -(-cases // LANES) * LANES, dtype=torch.int32)


def states_of_bits(bits: Tensor, cases: int, n: int) -> Tensor:
    """Return the states as float32 (cases, n)."""
    ones = bits[:, :cases, None] >> torch.arange(LANES, dtype=torch.int32) & 1
    return ones.transpose(0, 1).flatten(1)[:, :n].float()
