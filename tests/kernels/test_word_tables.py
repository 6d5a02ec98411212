"""Products by tables of the sums of all subsets of four rows, on whatever processor."""

import numpy as np
import pytest
import torch

from harmonium.kernels import PackedWeights, backend
from support import seeded

pytestmark = pytest.mark.skipif(bool(backend.why_not()), reason="the compiled kernels are switched off")


@pytest.mark.parametrize(("n", "m"), [(1, 1), (70, 33), (500, 784), (129, 64)])
@pytest.mark.parametrize("cases", [1, 7, 90])
def test_sums_from_tables_are_products(n, m, cases):
    """To the last bit, and whatever states are drawn beyond the last unit."""
    from harmonium.kernels.compiled.word_tables import multiply_by_tables

    packed = PackedWeights(torch.randn(n, m, generator=seeded()))
    drawn = np.random.default_rng(0).random((cases, (n + 31) // 32 * 32)) < 0.5
    states, out = drawn.astype(np.uint16), np.full((cases, (m + 31) // 32 * 32), np.nan, np.float32)
    multiply_by_tables(states, cases, n, m, packed.rows.data_ptr(), packed.scales[0], out)
    expected = packed.hidden_field(torch.as_tensor(drawn[:, :n].astype(np.float32)))
    assert np.array_equal(out[:, :m], expected)
