import pytest
import torch

from harmonium.diagnostics import adversarial_accuracy
from harmonium.errors import InputError


def test_samples_of_one_distribution_cannot_be_told_apart(generator):
    """Each share is a mean of 400 dependent coin tosses; over 200 seeds the accuracy had a standard deviation of 0.02,
    and the bound is five of them."""
    found = adversarial_accuracy(*torch.randn(2, 400, 6, generator=generator))
    assert abs(found.accuracy - 0.5) < 0.1
    assert found.departure < 0.1


def test_sets_that_lie_apart_copies_and_a_crowd_in_the_middle(generator):
    data = torch.randn(200, 20, generator=generator)
    apart = adversarial_accuracy(data, data + 100)
    assert (apart.data, apart.dreams, apart.accuracy, apart.departure) == (1, 1, 1, 0.5)
    copies = adversarial_accuracy(data, data + 1e-6)
    assert (copies.accuracy, copies.departure) == (0, 0.5)
    crowd = adversarial_accuracy(data, 0.3 * torch.randn(200, 20, generator=generator))
    assert crowd.dreams == 1
    assert crowd.departure > crowd.accuracy - 0.5 + 0.05


def test_ties_count_a_half():
    same = torch.zeros(5, 2)
    assert adversarial_accuracy(same, same).accuracy == 0.5


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (1, 4)])
def test_both_sets_have_the_same_shape(shape):
    with pytest.raises(InputError, match="as many dreams as data"):
        adversarial_accuracy(torch.zeros(shape), torch.zeros(4, 4) if shape != (1, 4) else torch.zeros(shape))
