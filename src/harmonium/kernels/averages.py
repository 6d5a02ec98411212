"""What the gradient takes from a phase of binary units: means of the hidden ones, averages over the cases."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.kernels.backend import compiled
from harmonium.kernels.threads import Call

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
    n = visible.shape[1]
    mean, averages = torch.empty_like(field), field.new_empty(n + field.shape[1])
    averages_call(visible, field, bias, mean, averages).run()
    return mean, averages[:n], averages[n:]


def averages_call(visible: Tensor, field: Tensor, bias: Tensor, mean: Tensor, averages: Tensor) -> Call:
    """Return the call that writes `binary_averages`: the means (cases, m), and both averages (n + m,)."""
    cases, n = visible.shape
    most = -(-cases // PIECES)
    sums = field.new_empty(-(-cases // most), len(averages))
    kernel = compiled("averages").binary_averages
    return Call(kernel, visible, field, bias, mean, averages, sums, cases, n, field.shape[1], most)
