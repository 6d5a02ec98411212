"""What the gradient takes from a phase of binary units: means of the hidden ones, averages over the cases."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.kernels.backend import compiled
from harmonium.kernels.threads import run

PIECES = 16
"""So many pieces of cases are summed each on its own, whatever the number of threads, and then all of them."""


def binary_averages(visible: Tensor, field: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the means of binary hidden units, and the averages of visible states and of those means.

        y = sigmoid(field + bias),    <v>,    <y>

    Parameters
    ----------
    visible : Tensor, shape (cases, n)
    field : Tensor, shape (cases, m)
    bias : Tensor, shape (m,)
        All of a kind that `kernels_take`, at least one case.

    Returns
    -------
    (Tensor, Tensor, Tensor)
        (cases, m), (n,) and (m,): the first as of `mean_of_field`, the others from sums in float32.
    """
    cases, n = visible.shape
    mean, averages = torch.empty_like(field), field.new_empty(n + field.shape[1])
    most = -(-cases // PIECES)
    sums = field.new_empty(-(-cases // most), len(averages))
    addresses = (x.data_ptr() for x in (visible, field, bias, mean, averages, sums))
    run(compiled("averages").binary_averages, *addresses, *visible.shape, field.shape[1], most)
    return mean, averages[:n], averages[n:]
