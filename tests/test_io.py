import pytest
import torch

from harmonium import load_model, save_model
from harmonium.data import Preparation
from harmonium.errors import InputError
from harmonium.files import read_tensors, write_tensors
from harmonium.io import FORMAT, read_model_file
from models import PAIRS, small_rbm


@pytest.mark.parametrize(("visible", "hidden"), PAIRS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_model_comes_back_to_the_bit(visible, hidden, dtype, tmp_path):
    rbm = small_rbm(visible, hidden).to(dtype)
    save_model(tmp_path / "m.safetensors", rbm)
    back = load_model(tmp_path / "m.safetensors")
    assert back.visible.family == visible
    assert back.hidden.family == hidden
    for name, tensor in rbm.state_dict().items():
        assert back.state_dict()[name].dtype == dtype
        assert torch.equal(back.state_dict()[name], tensor)


def test_what_was_done_to_the_data_travels_along(tmp_path):
    preparation = Preparation(binarize="none", mean=torch.arange(4.0), deviation=torch.ones(4))
    save_model(tmp_path / "m.safetensors", small_rbm("gaussian"), preparation, (2, 2))
    model = read_model_file(tmp_path / "m.safetensors")
    assert model.image_shape == (2, 2)
    assert torch.equal(model.preparation.mean, torch.arange(4.0))
    assert model.preparation.binarize == "none"


@pytest.fixture
def model_file(tmp_path):
    save_model(tmp_path / "m.safetensors", small_rbm())
    return tmp_path / "m.safetensors"


def rewrite(path, change):
    tensors, header = read_tensors(path)
    change(tensors, header)
    write_tensors(path, tensors, header)


def test_a_newer_format_asks_for_an_update(model_file):
    rewrite(model_file, lambda tensors, header: header.update(format=FORMAT + 1))
    with pytest.raises(InputError, match=f"format {FORMAT + 1}, .* update harmonium"):
        load_model(model_file)


def test_another_shape_is_named(model_file):
    rewrite(model_file, lambda tensors, header: tensors.update({"rbm.weights": torch.zeros(5, 3)}))
    with pytest.raises(InputError, match=r"weights of shape \(5, 3\), but its header announces \(4, 3\)"):
        load_model(model_file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, h: t.pop("rbm.weights"), "holds no weights"),
        (lambda t, h: t.pop("rbm.visible.bias"), "does not hold the parameters"),
        (lambda t, h: t.update({"rbm.hidden.bias": torch.zeros(9)}), "does not hold the parameters"),
        (lambda t, h: h.update(kind="dbn"), "holds a stack of RBMs, not an RBM"),
        (lambda t, h: h["visible"].update(family="quantum"), "unknown unit family 'quantum'"),
        (lambda t, h: h.pop("visible"), "header lacks 'visible'"),
    ],
)
def test_a_model_that_does_not_fit_its_header(model_file, change, message):
    rewrite(model_file, change)
    with pytest.raises(InputError, match=message):
        load_model(model_file)


@pytest.mark.parametrize(
    "header",
    [
        {"format": "2"},
        {"preparation": {"x": 1}},
        {"preparation": None},
        {"visible": 3},
        {"visible": {"family": "bernoulli"}},
        {"image_shape": 7},
        {"image_shape": [3, 3]},
    ],
)
def test_a_header_that_makes_no_sense(model_file, header):
    rewrite(model_file, lambda tensors, old: old.update(header))
    with pytest.raises(InputError, match=r"m\.safetensors is damaged"):
        load_model(model_file)


def test_an_estimator_is_no_model(tmp_path):
    with pytest.raises(InputError, match="a dict is no RBM: of an estimator give rbm_"):
        save_model(tmp_path / "a.safetensors", {})
    assert not list(tmp_path.iterdir())


def test_a_model_of_rbms_has_to_be_imported(tmp_path):
    (tmp_path / "RBM.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(InputError, match=r"is an HDF5 file: .* harmonium import "):
        read_model_file(tmp_path / "RBM.h5")
