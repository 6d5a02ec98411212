"""Layers on top of what has been trained already."""

import pytest
import torch

from harmonium.deep import StackRun, start_stack
from harmonium.errors import InputError
from harmonium.files import read_tensors
from harmonium.training import recipe, start_run
from quick_stacks import QUICK, settings, trained


def test_layers_on_top_of_a_trained_rbm(tmp_path):
    below = recipe("pcd", hidden=12, seed=3, **QUICK)
    run, state, data = start_run(tmp_path / "one", "digits", below, validation=0.2)
    with pytest.raises(InputError, match="has not been trained to its end"):
        start_stack(tmp_path / "s", "digits", settings(10), on=run.folder)
    for _ in run.train(state, data):
        pass
    with pytest.raises(InputError, match="was trained on other data"):
        start_stack(tmp_path / "s", "bars-and-stripes:8x8", settings(10, batch_size=10), on=run.folder)
    with pytest.raises(InputError, match="the validation examples are those of"):
        start_stack(tmp_path / "s", "digits", settings(10), on=run.folder, validation=0.1)
    assert not (tmp_path / "s").exists()
    for folder in (run.folder, run.folder.parent):  # which would be removed
        with pytest.raises(InputError, match="needs a folder of its own"):
            start_stack(folder, "digits", settings(10), on=run.folder, overwrite=True)
    assert run.model_path.exists()
    assert trained(start_stack(tmp_path / "s", "digits", settings(10), on=run.folder, labels=True)) == [2]
    dbn = StackRun(tmp_path / "s").model().dbn
    assert dbn.sizes == [64, 12, 10]
    assert torch.equal(dbn.layers[0].weights, state.model.weights)
    with pytest.raises(InputError, match="learned labels in its highest layer, on which no layer can stand"):
        start_stack(tmp_path / "t", "digits", settings(10), on=tmp_path / "s")


def test_layers_on_top_of_a_stack_and_of_its_lower_layers(tmp_path):
    """A stack made in two goes is the one made at once."""
    whole, part = tmp_path / "whole", tmp_path / "part"
    trained(start_stack(whole, "digits", settings(12, 10, 8), labels=True))
    unfinished = start_stack(part, "digits", settings(12, 10))
    assert trained(unfinished, stop_after=2) == [1]
    with pytest.raises(InputError, match="has not been trained to its top layer yet"):
        start_stack(tmp_path / "new", "digits", settings(8), on=part, labels=True)
    trained(unfinished)
    for on in (part, whole / "layer-2"):
        made = StackRun(tmp_path / f"on-{on.name}")
        assert trained(start_stack(made.folder, "digits", settings(8), on=on, labels=True)) == [3]
        for name, tensor in read_tensors(whole / "model.safetensors")[0].items():
            assert torch.equal(read_tensors(made.model_path)[0][name], tensor), name


def test_a_layer_that_is_not_finished(tmp_path):
    stacking = start_stack(tmp_path / "s", "digits", settings(12, 10))
    for number, run, state, data in stacking.layers():
        for _ in run.train(state, data, stop_after=2 if number == 2 else None):
            pass
    with pytest.raises(InputError, match="layer-2 has not been trained to its end: harmonium train --out"):
        start_stack(tmp_path / "new", "digits", settings(8), on=tmp_path / "s" / "layer-2")
    with pytest.raises(InputError, match="needs a folder of its own"):
        start_stack(tmp_path / "s", "digits", settings(8), on=tmp_path / "s" / "layer-1", overwrite=True)
    assert not (tmp_path / "new").exists()
