import torch
from scipy import stats

from harmonium.kernels import sample_from_field, sample_from_probability


def test_frequencies_follow_the_probabilities(generator):
    # False-alarm rate 1e-6: one binomial z-test per probability, Bonferroni over 7.
    probability = torch.tensor([0.0, 0.001, 0.1, 0.5, 0.9, 0.999, 1.0])
    count = 200_000
    ones = sample_from_probability(probability.expand(count, 7).contiguous(), generator).sum(0)
    assert ones[0] == 0
    assert ones[-1] == count
    for k in range(1, 6):
        assert stats.binomtest(int(ones[k]), count, float(probability[k])).pvalue > 1e-6 / 7


def test_field_and_bias_add_up_in_the_sigmoid(generator):
    field, bias = torch.tensor([[1.0, -2.0]]), torch.tensor([0.5, 0.3])
    mean = sample_from_field(field.expand(100_000, 2), bias, generator).mean(0)
    expected = torch.sigmoid(field + bias)[0]
    # Five standard errors: false-alarm rate 1e-6.
    assert torch.all((mean - expected).abs() < 5 * (expected * (1 - expected) / 100_000).sqrt())


def test_the_field_is_left_alone_and_the_seed_decides(generator):
    field = torch.randn(5, 3, generator=generator)
    before = field.clone()
    draws = [sample_from_field(field, torch.zeros(3), torch.Generator().manual_seed(1)) for _ in range(2)]
    assert torch.equal(field, before)
    assert torch.equal(*draws)
