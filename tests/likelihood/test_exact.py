import math

import pytest
import torch

from harmonium import RBM
from harmonium.errors import InputError
from harmonium.exact import layer_states
from harmonium.likelihood import exact_log_partition, exact_log_probability
from harmonium.likelihood.exact import count_blocks, expected_seconds
from harmonium.units import Bernoulli
from models import PAIRS, brute_force_joint, small_rbm


@pytest.mark.parametrize(("n", "m"), [(4, 3), (2, 5)])
def test_log_partition_against_brute_force(n, m):
    rbm = small_rbm(n=n, m=m)
    _, factors = brute_force_joint(rbm)
    assert exact_log_partition(rbm).item() == pytest.approx(math.log(factors.sum().item()), rel=1e-12)


@pytest.mark.parametrize("hidden", ["bernoulli", "gaussian"])
def test_probabilities_sum_to_one(hidden):
    rbm = small_rbm("bernoulli", hidden)
    assert exact_log_probability(rbm, layer_states(rbm.visible)).exp().sum().item() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("hidden", ["bernoulli", "gaussian"])
def test_the_density_of_gaussian_visibles_integrates_to_one(hidden):
    rbm = small_rbm("gaussian", hidden, n=2)
    x = torch.linspace(-16, 16, 801, dtype=torch.float64)
    v = torch.cartesian_prod(x, x)
    integral = exact_log_probability(rbm, v).exp().sum() * (x[1] - x[0]) ** 2
    assert integral.item() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(("visible", "hidden"), PAIRS)
def test_the_mirror_has_the_same_partition_function(visible, hidden):
    rbm = small_rbm(visible, hidden)
    torch.testing.assert_close(exact_log_partition(rbm), exact_log_partition(rbm.mirror()))


def test_784_visible_units_equal_a_plain_sum_in_float64():
    """With 15 hidden units; `benchmarks/enumeration.py` does the same with 20, which takes the plain sum a minute."""
    generator = torch.Generator().manual_seed(0)
    rbm = RBM(Bernoulli(784), Bernoulli(15), weights=0.3 * torch.randn(784, 15, generator=generator)).double()
    rbm.visible.bias.data = torch.randn(784, generator=generator).double() - 2
    side, plain = rbm.mirror(), []
    for start in range(0, 2**15, 2**12):
        plain.append(torch.logsumexp(-side.free_energy(layer_states(side.visible, start, start + 2**12).double()), 0))
    assert exact_log_partition(rbm).item() == pytest.approx(torch.stack(plain).logsumexp(0).item(), rel=1e-9)


@pytest.mark.parametrize("sizes", [(1, 1), (3, 19), (30, 21), (22, 22)])
def test_progress_is_told_of_every_block(sizes):
    rbm, calls = RBM(Bernoulli(sizes[0]), Bernoulli(sizes[1])), []
    exact_log_partition(rbm, lambda: calls.append(None))
    assert len(calls) == count_blocks(rbm)


def test_many_chunks_add_up():
    rbm = RBM(Bernoulli(18), Bernoulli(18), weights=torch.zeros(18, 18))
    assert exact_log_partition(rbm).item() == pytest.approx(36 * math.log(2), rel=1e-6)


def test_a_layer_too_large_says_so():
    with pytest.raises(InputError, match="35 bernoulli units and thus more than the 1073741824 states"):
        exact_log_partition(RBM(Bernoulli(40), Bernoulli(35)))


@pytest.mark.parametrize("sizes", [(1, 1), (1, 5), (7, 2), (20, 11)])
def test_half_tables_agree_with_a_plain_sum(sizes):
    rbm = small_rbm(n=sizes[0], m=sizes[1])
    side = rbm if sizes[0] < sizes[1] else rbm.mirror()
    plain = torch.logsumexp(-side.free_energy(layer_states(side.visible)), 0)
    assert exact_log_partition(rbm).item() == pytest.approx(plain.item(), rel=1e-12)


def test_expected_seconds_are_positive():
    assert expected_seconds(small_rbm(n=30, m=14)) > 0
