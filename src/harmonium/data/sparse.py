"""A sparse table of examples: rows become dense when a batch takes them."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from scipy import sparse
from torch import Tensor

from harmonium.data.cases import Cases


@dataclass(frozen=True)
class SparseCases(Cases):
    """Examples in compressed sparse rows; no more of them is dense at a time than is asked for.

    Attributes
    ----------
    matrix : scipy.sparse.csr_array, shape (N, n)
        All rows of the table.
    values : Tensor, shape (N, n)
        Stands for it where shape and dtype are asked for: a view of a single number.

    Examples
    --------
    >>> cases = sparse_cases(sparse.csr_array([[0.0, 1.0], [0.0, 0.0], [1.0, 1.0]]))
    >>> cases.take(torch.tensor([2, 0])).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """

    matrix: sparse.csr_array = field(default_factory=lambda: sparse.csr_array((0, 0)))

    def take(self, positions: Tensor) -> Tensor:
        """Return the examples at these positions within the set: (k,) -> (k, n), dense."""
        rows = positions if self.rows is None else self.rows[positions]
        return torch.from_numpy(self.matrix[rows.numpy()].toarray())


def sparse_cases(matrix: sparse.spmatrix | sparse.sparray) -> SparseCases:
    """Return the rows of any scipy sparse matrix as examples."""
    rows = sparse.csr_array(matrix)
    one = torch.from_numpy(rows.data[:1].copy()) if rows.nnz else torch.zeros(1)
    return SparseCases(one[0].expand(rows.shape), matrix=rows)
