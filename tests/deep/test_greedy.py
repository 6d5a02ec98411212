"""Stacks trained layer by layer: what each layer sees, resuming, and what cannot be stacked."""

import numpy as np
import pytest
import torch

from harmonium.data import Cases, Dataset, load
from harmonium.deep import StackRun, resume_stack, start_stack
from harmonium.deep.greedy import upside_down
from harmonium.deep.stacking import LabelledCases, StackedPreparation, labels_of, layer_materials
from harmonium.errors import InputError
from harmonium.exact import layer_states
from harmonium.files import read_tensors
from harmonium.training import materials, recipe
from models import small_rbm
from quick_stacks import QUICK, settings, trained


def test_layers_see_states_of_the_layer_below_sampled_anew(generator):
    """Means over many draws against the exact ones: six standard errors, false alarms below 1e-7."""
    data = materials(load("bars-and-stripes:3x3"), recipe(hidden=4), validation=0)
    rbm = small_rbm(n=9, m=4).float().requires_grad_(False)
    seen = layer_materials(data, (rbm,), recipe(hidden=3))
    assert seen.width == 4
    stored = data.train.first(10)
    draws = torch.stack([seen.preparation.prepare(stored, generator) for _ in range(2000)])
    mean = rbm.mean_hidden_given_visible(stored.float())
    assert ((draws.mean(0) - mean).abs() < 6 * (mean * (1 - mean) / 2000).sqrt() + 1e-6).all()
    assert not torch.equal(draws[0], draws[1])
    assert "sampled its states anew in every epoch" in seen.preparation.describe()


def test_labels_come_with_their_examples():
    cases = LabelledCases(torch.arange(12.0).view(6, 2), torch.tensor([1, 3, 5]), torch.arange(6) % 3)
    assert cases.width == 3
    assert cases.take(torch.tensor([0, 2])).tolist() == [[2, 3, 1], [10, 11, 2]]
    one, other = cases.split(0.4, torch.Generator().manual_seed(0))
    assert isinstance(one, LabelledCases)
    assert len(one) + len(other) == 3
    states = StackedPreparation(classes=3).prepare(cases.take(torch.tensor([0])))
    assert states.tolist() == [[2, 3, 0, 1, 0]]


def test_a_stack_of_three_with_labels(tmp_path):
    stacking = start_stack(tmp_path / "s", "digits", settings(20, 15, 25), labels=True)
    assert trained(stacking) == [1, 2, 3]
    dbn = StackRun(tmp_path / "s").model().dbn
    assert (dbn.sizes, dbn.classes) == ([64, 20, 15, 25], 10)
    assert trained(resume_stack(tmp_path / "s")) == []
    assert StackRun(tmp_path / "s").layer(2).settings().visible == "bernoulli"


@pytest.mark.parametrize("share", [0.0, 0.6])
def test_a_stack_that_was_stopped_resumes_to_the_bit(share, tmp_path):
    start_stack(tmp_path / "whole", "digits", settings(12, 10, distort=share), labels=True)
    assert trained(resume_stack(tmp_path / "whole")) == [1, 2]
    stacking = start_stack(tmp_path / "pieces", "digits", settings(12, 10, distort=share), labels=True)
    assert trained(stacking, stop_after=3) == [1]
    with pytest.raises(InputError, match="not been trained to its top layer yet; to go on: harmonium train --out"):
        stacking.run.model()
    assert trained(resume_stack(tmp_path / "pieces"), stop_after=3) == [1, 2]
    assert trained(resume_stack(tmp_path / "pieces")) == [2]
    one, other = (read_tensors(tmp_path / name / "model.safetensors")[0] for name in ("whole", "pieces"))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_every_layer_learns_from_the_distorted_examples(tmp_path):
    ours = start_stack(tmp_path / "ours", "digits", settings(8, 8, distort=0.5), labels=True)
    trained(ours)
    labelled = ours._materials(2, (StackRun(tmp_path / "ours").model().dbn.layers[0],)).train
    shown = labelled.in_epoch(torch.Generator().manual_seed(0)).take(torch.arange(200))
    same = (shown[:, :-1] == labelled.take(torch.arange(200))[:, :-1]).all(1)
    assert 60 < int(same.sum()) < 140  # Binomial(200, 1/2), 5.6 standard deviations: false alarms 2e-8
    assert torch.equal(shown[:, -1], labelled.take(torch.arange(200))[:, -1])
    with pytest.raises(InputError, match=r"all layers learn from the same examples: give --distort 0\.5, as below"):
        start_stack(tmp_path / "on", "digits", settings(8), on=tmp_path / "ours" / "layer-1")


def test_labels_are_part_of_what_is_resumed(tmp_path):
    rows = np.random.default_rng(0).integers(0, 2, (60, 5)).astype(np.uint8)
    np.savez(tmp_path / "rows.npz", x=rows, y=rows[:, 0])
    start_stack(tmp_path / "s", str(tmp_path / "rows.npz"), settings(4, batch_size=10), labels=True)
    np.savez(tmp_path / "rows.npz", x=rows, y=rows[:, 1])
    with pytest.raises(InputError, match="are not what they were"):
        resume_stack(tmp_path / "s")


def test_a_transposed_start_is_the_layer_below_upside_down(tmp_path):
    stacking = start_stack(tmp_path / "s", "digits", settings(12, 64), transposed=True)
    layers = stacking.layers()
    _, run, state, data = next(layers)
    for _ in run.train(state, data):
        pass
    below = state.model
    _, _, state, _ = next(layers)
    assert torch.equal(state.rbm.weights, below.weights.T)
    assert torch.equal(state.rbm.hidden.bias, below.visible.bias)


def test_a_wider_transposed_layer_says_of_its_states_what_the_layer_below_says():
    """Exact: log P(h) of both, whose difference is what weights of 0.001 can do."""
    below = small_rbm(n=4, m=5).float()
    above = upside_down(below, recipe(hidden=9))
    assert above.weights.shape == (5, 9)
    states = layer_states(below.hidden).float()
    one, other = (torch.log_softmax(-model.free_energy(states), 0) for model in (above, below.mirror()))
    assert torch.allclose(one, other, atol=0.01)


def test_a_wider_layer_of_a_stack_starts_upside_down(tmp_path):
    layers = start_stack(tmp_path / "s", "digits", settings(12, 70), transposed=True).layers()
    _, run, state, data = next(layers)
    for _ in run.train(state, data):
        pass
    below = state.model
    _, _, state, _ = next(layers)
    assert torch.equal(state.rbm.weights[:, :64], below.weights.T)
    assert torch.equal(state.rbm.hidden.bias[:64], below.visible.bias)
    assert 0 < state.rbm.weights[:, 64:].abs().max() < 0.01


def test_gaussian_layers_fit_each_other(tmp_path):
    rows = torch.randn(300, 6, generator=torch.Generator().manual_seed(0))
    np.save(tmp_path / "rows.npy", rows.numpy())
    layers = [
        recipe("pcd", hidden=5, visible="gaussian", hidden_units="gaussian", **QUICK),
        recipe("pcd", hidden=4, **QUICK),
    ]
    assert trained(start_stack(tmp_path / "s", str(tmp_path / "rows.npy"), layers)) == [1, 2]
    assert StackRun(tmp_path / "s").model().dbn.layers[1].visible.family == "gaussian"
    with pytest.raises(InputError, match="labels stand beside bernoulli ones"):
        start_stack(tmp_path / "t", "digits", [recipe(hidden=5, hidden_units="gaussian"), recipe()], labels=True)
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "has no labels: leave out --labels"),
        (torch.zeros(3, dtype=torch.int64), "has 3 labels for 4 examples"),
        (torch.tensor([0, 1, -1, 0]), "whole numbers from 0"),
        (torch.zeros(4, dtype=torch.int64), "has 1 classes"),
        (torch.tensor([0, 1, 5000, 0]), "has 5001 classes"),
    ],
)
def test_labels_that_cannot_be_learned(labels, message):
    with pytest.raises(InputError, match=message):
        labels_of(Dataset("toy", Cases(torch.zeros(4, 2)), train_labels=labels))


def test_folders_are_not_overwritten_unasked(tmp_path):
    trained(start_stack(tmp_path / "s", "bars-and-stripes", settings(5, 4, batch_size=10), validation=0))
    with pytest.raises(InputError, match="holds a run already"):
        start_stack(tmp_path / "s", "bars-and-stripes", settings(5))
    start_stack(tmp_path / "s", "bars-and-stripes", settings(5, batch_size=10), overwrite=True)
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == ["config.json"]
    (tmp_path / "s" / "config.json").write_text("{}")
    with pytest.raises(InputError, match="is damaged"):
        resume_stack(tmp_path / "s")
    with pytest.raises(InputError, match="is not the folder of a stack"):
        resume_stack(tmp_path / "nothing")


def test_other_data_are_not_resumed(tmp_path):
    rows = np.random.default_rng(0).integers(0, 2, (60, 5)).astype(np.uint8)
    np.save(tmp_path / "rows.npy", rows)
    start_stack(tmp_path / "s", str(tmp_path / "rows.npy"), settings(4, batch_size=10))
    np.save(tmp_path / "rows.npy", 1 - rows)
    with pytest.raises(InputError, match="are not what they were"):
        resume_stack(tmp_path / "s")
