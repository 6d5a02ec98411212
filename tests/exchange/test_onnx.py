"""ONNX files, run by onnxruntime."""

import numpy as np
import pytest
import torch

from harmonium.deep import DBN, to_torch
from harmonium.errors import InputError, StorageError
from harmonium.exchange import export_onnx
from models import small_rbm

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_the_way_up_is_that_of_the_model(visible, tmp_path):
    rbm = small_rbm(visible).float()
    export_onnx(rbm, tmp_path / "rbm.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "rbm.onnx"))
    for cases in (1, 7):
        states = torch.rand(cases, 4, generator=torch.Generator().manual_seed(0))
        (found,) = session.run(None, {"visible": states.numpy()})
        assert np.allclose(found, rbm.mean_hidden_given_visible(states).detach().numpy(), atol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["rbm.onnx"]


def test_a_classifier(tmp_path):
    stack = DBN([small_rbm().float(), small_rbm(n=3, m=5).float()])
    network = to_torch(stack, classes=3, dropout=0.5)
    export_onnx(network, tmp_path / "classifier.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "classifier.onnx"))
    states = torch.rand(6, 4)
    (found,) = session.run(None, {"visible": states.numpy()})
    assert np.allclose(found, network.eval()(states).detach().numpy(), atol=1e-5)  # nothing is left out
    assert network.train().training
    export_onnx(network, tmp_path / "classifier.onnx")
    assert network.training  # the caller's network is as it was
    with pytest.raises(InputError, match="takes an RBM, a DBN or a network of one, not str"):
        export_onnx("model", tmp_path / "x.onnx")
    with pytest.raises(InputError, match="no linear layer"):
        export_onnx(torch.nn.Sequential(torch.nn.ReLU()), tmp_path / "x.onnx")
    with pytest.raises(StorageError):
        export_onnx(stack, tmp_path / "nowhere" / "stack.onnx")
