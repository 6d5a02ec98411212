import pytest
import torch

from harmonium.errors import InputError
from harmonium.sampling import check_kernel, dream, gibbs
from harmonium.sampling.dreams import film
from models import PAIRS, small_rbm


class Dreaming:
    """The dreams as a kernel, so that they are held to the exact distribution."""

    init = staticmethod(gibbs.init)

    @staticmethod
    def step(rbm, state, generator):
        return gibbs.init(rbm, dream(rbm, state, 1, generator).visible)


@pytest.mark.parametrize(("visible", "hidden"), PAIRS)
def test_dreams_keep_the_exact_distribution(visible, hidden, generator):
    rbm = small_rbm(visible, hidden, coupling=1.5)
    assert check_kernel(Dreaming, rbm, generator, false_alarm_rate=1e-5).passed


def test_the_film_ends_where_the_dream_does():
    rbm = small_rbm()
    generators = [torch.Generator().manual_seed(1) for _ in range(2)]
    start = gibbs.init_from_noise(rbm, 3, torch.Generator().manual_seed(0))
    frames = list(film(rbm, start, 10, generators[0], every=4))
    assert len(frames) == 3  # after 4, 8 and 10 steps
    assert torch.equal(frames[-1].free_energy, rbm.free_energy(frames[-1].visible).detach())
    last = list(film(rbm, start, 10, generators[1], every=10))[-1]
    assert torch.equal(frames[-1].visible, last.visible)
    assert torch.equal(frames[-1].mean, last.mean)
    assert torch.equal(dream(rbm, start, 10, torch.Generator().manual_seed(1)).visible, last.visible)


@pytest.mark.parametrize(("steps", "every"), [(0, 1), (3, 0)])
def test_a_dream_takes_at_least_a_step(steps, every):
    rbm = small_rbm()
    with pytest.raises(InputError, match="at least 1 step"):
        list(film(rbm, gibbs.init_from_noise(rbm, 3), steps, every=every))
