"""A table of examples as it lies in memory or on disk, one a row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Cases:
    """Examples as stored: bytes stay bytes, and a memory-mapped file stays on disk, until a batch asks for them.

    Attributes
    ----------
    values : Tensor, shape (N, n), any real dtype
        All rows of the table; it may be a view of a memory-mapped file.
    rows : Tensor of int64, shape (cases,), optional
        Which rows belong to this set; None means all of them.
    """

    values: Tensor
    rows: Tensor | None = None

    def __len__(self) -> int:
        return len(self.values) if self.rows is None else len(self.rows)

    @property
    def width(self) -> int:
        """The number of columns n."""
        return self.values.shape[1]

    def take(self, positions: Tensor) -> Tensor:
        """Return the examples at these positions within the set: (k,) -> (k, n), in the dtype of the table."""
        return self.values.index_select(0, positions if self.rows is None else self.rows[positions])

    def in_epoch(self, generator: torch.Generator) -> Cases:
        """Return the examples as an epoch shows them: these are the same in each."""
        return self

    def first(self, count: int) -> Tensor:
        """Return the first `count` examples, or all if there are fewer."""
        return self.take(torch.arange(min(count, len(self))))

    def chunks(self, size: int = 2**18) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (rows of the table, examples) in pieces of about `size` values."""
        step = max(1, size // self.width)
        for start in range(0, len(self), step):
            positions = torch.arange(start, min(start + step, len(self)))
            yield positions if self.rows is None else self.rows[positions], self.take(positions)

    def split(self, fraction: float, generator: torch.Generator) -> tuple[Cases, Cases]:
        """Return (the rest, a random `fraction` of the cases), without copying any."""
        order = torch.randperm(len(self), generator=generator)
        rows = order if self.rows is None else self.rows[order]
        count = max(1, round(fraction * len(self)))
        return replace(self, rows=rows[count:].sort().values), replace(self, rows=rows[:count].sort().values)
