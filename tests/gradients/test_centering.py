"""Other coordinates change the step and never the distribution: held to autograd in those coordinates themselves."""

import pytest
import torch

from harmonium import RBM
from harmonium.errors import InputError
from harmonium.exact import layer_states
from harmonium.gradients import (
    COORDINATES,
    Frame,
    centering,
    exact_model_statistics,
    make_coordinates,
    reframe,
    state_statistics,
    write_gradient,
)
from harmonium.sampling import gibbs
from harmonium.units import Bernoulli
from models import PAIRS, random_states, small_rbm

CHANGING = [name for name in COORDINATES if name != "plain"]


def parameters_of(tilde, frame):
    """Return W, c, b of the plain model whose energy is that of the coordinates x' = (x - offset) / deviation."""
    weights, visible, hidden = tilde
    s, t = frame.visible_variance.sqrt(), frame.hidden_variance.sqrt()
    plain = weights / torch.outer(s, t)
    return plain, visible / s - plain @ frame.hidden, hidden / t - frame.visible @ plain


def log_likelihood(plain, data):
    weights, visible, hidden = plain

    def free_energy(v):
        return -v @ visible - torch.nn.functional.softplus(v @ weights + hidden).sum(-1)

    every = layer_states(Bernoulli(len(visible)).double())
    return -free_energy(data).mean() - (-free_energy(every)).logsumexp(0)


@pytest.mark.parametrize("scaled", [False, True])
def test_the_step_is_steepest_ascent_in_the_other_coordinates(scaled, generator):
    rbm, data = small_rbm(), random_states(small_rbm().visible, 7, generator)
    a, b = (torch.rand(k, generator=generator, dtype=torch.float64) for k in (4, 3))
    s2, t2 = (
        (0.5 + torch.rand(k, generator=generator, dtype=torch.float64)) if scaled else torch.ones(k) for k in (4, 3)
    )
    frame = Frame(a, b, s2.double(), t2.double())
    s, t = frame.visible_variance.sqrt(), frame.hidden_variance.sqrt()
    W, c, h = (p.detach() for p in (rbm.weights, rbm.visible.bias, rbm.hidden.bias))
    tilde = [W * torch.outer(s, t), s * (c + W @ b), t * (h + a @ W)]
    for plain, expected in zip(parameters_of(tilde, frame), (W, c, h), strict=True):
        torch.testing.assert_close(plain, expected)

    tilde = [part.requires_grad_() for part in tilde]
    gradient = torch.autograd.grad(log_likelihood(parameters_of(tilde, frame), data), tilde)
    rate = 1e-6
    moved = parameters_of([p.detach() + rate * g for p, g in zip(tilde, gradient, strict=True)], frame)

    with torch.no_grad():
        write_gradient(rbm, state_statistics(rbm, gibbs.init(rbm, data)), exact_model_statistics(rbm))
        reframe(rbm, frame if scaled else Frame(a, b))
    for after, before, parameter in zip(
        moved, (W, c, h), (rbm.weights, rbm.visible.bias, rbm.hidden.bias), strict=True
    ):
        torch.testing.assert_close((after - before) / rate, -parameter.grad, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("visible", "hidden"), PAIRS)
@pytest.mark.parametrize("name", CHANGING)
def test_where_the_likelihood_is_highest_no_coordinates_take_a_step(name, visible, hidden, generator):
    """Data that are the model's own distribution: every gradient is 0, whatever the frame."""
    rbm, coordinates = small_rbm(visible, hidden, coupling=0.5), make_coordinates(name)
    with torch.no_grad():
        data = gibbs.init(rbm, random_states(rbm.visible, 5, generator))
        model = exact_model_statistics(rbm)
        kept = coordinates.init(rbm, data.visible.mean(0), data.visible.var(0))
        frame, _ = coordinates.frame(rbm, kept, data, state_statistics(rbm, data), model)
        write_gradient(rbm, model, model)
        reframe(rbm, frame)
    for parameter in rbm.parameters():
        assert parameter.grad.abs().max() < 1e-12


@pytest.mark.parametrize("name", CHANGING)
def test_every_direction_leads_uphill(name, generator):
    rbm, coordinates = small_rbm(coupling=0.5), make_coordinates(name)
    with torch.no_grad():
        data = gibbs.init(rbm, random_states(rbm.visible, 5, generator))
        statistics, model = state_statistics(rbm, data), exact_model_statistics(rbm)
        write_gradient(rbm, statistics, model)
        plain = [parameter.grad.clone() for parameter in rbm.parameters()]
        kept = coordinates.init(rbm, data.visible.mean(0), data.visible.var(0))
        reframe(rbm, coordinates.frame(rbm, kept, data, statistics, model)[0])
    assert sum((p.grad * g).sum() for p, g in zip(rbm.parameters(), plain, strict=True)) > 0


def test_the_hidden_variance_is_that_of_samples(generator, monkeypatch):
    """E[Var(h | v)] + Var(E[h | v]) against the variance of 200,000 sampled h: within five standard errors."""
    rbm = small_rbm()
    states = gibbs.init(rbm, random_states(rbm.visible, 200_000, generator))
    standardized = make_coordinates("standardized")
    with torch.no_grad():
        statistics = state_statistics(rbm, states)
        kept = standardized.init(rbm, states.visible.mean(0), states.visible.var(0))
        monkeypatch.setattr(centering, "RATE", 1.0)  # no average over updates
        frame, kept = standardized.frame(rbm, kept, states, statistics, statistics)
        sampled = rbm.hidden.sample(states.hidden_field, generator).var(0)
    assert ((frame.hidden_variance - 0.05 - sampled).abs() < 5 * 0.5 / 200_000**0.5).all()


def test_flipping_every_visible_bit_changes_nothing_for_centred_learning():
    """The point of centering: data and their negative are learned alike (Montavon & Mueller 2012)."""
    generator = torch.Generator().manual_seed(3)
    data = (torch.rand(20, 4, generator=generator, dtype=torch.float64) < 0.2).double()
    ends = []
    for flip in (False, True):
        rbm, x, centered = small_rbm(coupling=0.3), (1 - data if flip else data), make_coordinates("centered")
        if flip:  # v -> 1 - v: W -> -W, c -> -c, b -> b + sum_i W_i
            W = rbm.weights.detach()
            rbm = RBM(rbm.visible, rbm.hidden, weights=-W)
            rbm.hidden.bias.data += W.sum(0)
            rbm.visible.bias.data *= -1
        with torch.no_grad():
            kept = centered.init(rbm, x.mean(0), x.var(0))
            for _ in range(50):
                states = gibbs.init(rbm, x)
                statistics, model = state_statistics(rbm, states), exact_model_statistics(rbm)
                frame, kept = centered.frame(rbm, kept, states, statistics, model)
                write_gradient(rbm, statistics, model)
                reframe(rbm, frame)
                for parameter in rbm.parameters():
                    parameter.sub_(0.1 * parameter.grad)
            ends.append(-rbm.free_energy(x) - (-rbm.free_energy(layer_states(rbm.visible))).logsumexp(0))
    torch.testing.assert_close(*ends, rtol=1e-9, atol=1e-9)


def test_an_unknown_name():
    with pytest.raises(InputError, match="did you mean 'centered'"):
        make_coordinates("centred")
