import pytest
import torch

from harmonium.data import load
from harmonium.training import Settings, materials, start, train


def trained(**changes):
    settings = Settings(
        **{"hidden": 9, "epochs": 60, "method": "exact", "learning_rate": 0.5, "weight_decay": 0.0, **changes}
    )
    data = materials(load("bars-and-stripes:3x3"), settings)
    state = start(settings, data)
    records = list(train(state, data))
    return state, records


def test_l1_makes_weights_small():
    plain, sparse = (trained(l1=l1)[0].rbm.weights.abs().mean() for l1 in (0.0, 0.02))
    assert sparse < 0.5 * plain


def test_max_norm_bounds_the_weights_into_every_unit():
    state, _ = trained(max_norm=0.2)
    norms = state.rbm.weights.norm(dim=0)
    assert (norms <= 0.2 + 1e-6).all()
    assert norms.max() > 0.199


def test_a_sparsity_target_is_approached():
    _, free = trained(hidden_bias=0.0)
    _, held = trained(hidden_bias=0.0, sparsity_target=0.1, sparsity_cost=2.0)
    assert abs(held[-1].hidden_activity - 0.1) < 0.5 * abs(free[-1].hidden_activity - 0.1)


def test_clipping_bounds_the_gradient():
    state, _ = trained(clip=0.01, epochs=3)
    norm = torch.cat([parameter.grad.flatten() for parameter in state.rbm.parameters()]).norm()
    assert norm <= 0.01 + 1e-6


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_averaged_parameters_follow(momentum):
    state, _ = trained(averaging=0.9, momentum=momentum, learning_rate=0.01, epochs=100)
    assert int(state.averages.n_averaged) == state.update // 10
    assert 0 < (state.current.weights - state.rbm.weights).abs().max() < 0.1


def test_steps_and_chains_grow():
    settings = Settings(hidden=9, epochs=10, method="pcd", steps=1, final_steps=5, chains=10, final_chains=50)
    data = materials(load("bars-and-stripes:3x3"), settings)
    state = start(settings, data)
    counts = []
    for _ in train(state, data, after_update=lambda s: counts.append(len(s.chains.visible)) and False):
        pass
    assert counts[0] == 10
    assert counts == sorted(counts)
    assert counts[-1] > 40
