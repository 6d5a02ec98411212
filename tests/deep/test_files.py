"""Model files of stacks: what is written is read, and what is damaged is named."""

import json

import pytest
import torch

from harmonium import RBM
from harmonium.data import Preparation
from harmonium.deep import DBN, read_stack, save_stack
from harmonium.errors import InputError
from harmonium.files import read_tensors, write_tensors
from harmonium.io import load_model, save_model
from harmonium.units import Bernoulli, Gaussian, Labelled


@pytest.fixture
def dbn():
    return DBN([RBM(Gaussian(9), Bernoulli(4)), RBM(Bernoulli(4), Bernoulli(3)), RBM(Labelled(5, 2), Bernoulli(6))])


def equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_a_stack_comes_back(dbn, tmp_path):
    preparation = Preparation(mean=torch.arange(9.0), deviation=torch.ones(9))
    save_stack(tmp_path / "s.safetensors", dbn, preparation, (3, 3))
    found = read_stack(tmp_path / "s.safetensors")
    assert all(equal(a, b) for a, b in zip(dbn.layers, found.dbn.layers, strict=True))
    assert found.dbn.tied
    assert found.image_shape == (3, 3)
    assert torch.equal(found.preparation.mean, preparation.mean)
    assert found.dbn.classes == 2


def test_an_untied_stack_keeps_both_ways(dbn, tmp_path):
    untied = dbn.untied()
    with torch.no_grad():
        untied.recognition[1].weights += 1
    save_stack(tmp_path / "s.safetensors", untied)
    found = read_stack(tmp_path / "s.safetensors").dbn
    assert not found.tied
    assert equal(found.recognition[1], untied.recognition[1])
    assert equal(found.layers[1], dbn.layers[1])


def test_a_file_cut_short_or_of_another_kind(dbn, tmp_path):
    path = tmp_path / "s.safetensors"
    save_stack(path, dbn)
    with pytest.raises(InputError, match="holds a stack of RBMs, not an RBM"):
        load_model(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="cut short"):
        read_stack(path)
    save_model(path, dbn.layers[1])
    with pytest.raises(InputError, match="holds an RBM, not a stack"):
        read_stack(path)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("layer.2.weights", (4, 4), r"layer 2 of .* holds weights of shape \(4, 4\)"),
        ("layer.2.weights", None, "layer 2 of .* holds no weights"),
        ("layer.3.visible.bias", None, "layer 3 of .* does not hold the parameters"),
    ],
)
def test_damage_names_the_layer(name, shape, message, dbn, tmp_path):
    path = tmp_path / "s.safetensors"
    save_stack(path, dbn)
    tensors, header = read_tensors(path)
    del tensors[name]
    if shape is not None:
        tensors[name] = torch.zeros(shape)
    write_tensors(path, tensors, header)
    with pytest.raises(InputError, match=message):
        read_stack(path)


def test_layers_of_a_file_that_do_not_fit(dbn, tmp_path):
    path = tmp_path / "s.safetensors"
    save_stack(path, dbn)
    tensors, header = read_tensors(path)
    header = json.loads(json.dumps(header))
    header["layers"] = header["layers"][:1] + header["layers"][2:]
    tensors |= {k.replace("layer.3", "layer.2"): v for k, v in tensors.items() if "layer.3" in k}
    header["layers"][1]["visible"] = {"family": "bernoulli", "size": 5}
    write_tensors(path, tensors, header)
    with pytest.raises(InputError, match="layer 1 has 4 bernoulli hidden units, but layer 2 has 5"):
        read_stack(path)
