"""What the gradient takes from a phase of binary units: means of the hidden ones, averages over the cases."""

from __future__ import annotations

from typing import Any

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
    averages = Averages(len(visible), visible.shape[1], bias, compiled("averages").binary_averages)
    averages.take(visible, field)
    averages.call.run()
    return averages.found


class Averages:
    """`binary_averages` of so many cases of n visible units, made once and run again and again.

    Parameters
    ----------
    cases, n : int
    bias : Tensor, shape (m,)
    kernel : numba.core.ccallback.CFunc
        Of `compiled/averages.py`: it says whether visible states are float32 or bits.

    Attributes
    ----------
    found : (Tensor, Tensor, Tensor)
        Where each run leaves the means (cases, m) and both averages, (n,) and (m,).
    call : Call
    """

    def __init__(self, cases: int, n: int, bias: Tensor, kernel: Any) -> None:
        m, most = len(bias), -(-cases // PIECES)
        averages, sums = bias.new_empty(n + m), bias.new_empty(-(-cases // most), n + m)
        self.found = bias.new_empty(cases, m), averages[:n], averages[n:]
        self.call = Call(kernel, None, None, bias, self.found[0], averages, sums, cases, n, m, most)

    def take(self, visible: Tensor, field: Tensor) -> None:
        """Take states and fields (cases, m) for the next run."""
        self.call[0], self.call[1] = visible, field
