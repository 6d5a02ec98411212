"""What a GPU multiplies in; what the CPU does is held to float32 in `test_descent`."""

import contextlib

import pytest
import torch

from harmonium.data import load
from harmonium.training import Settings, loop, materials, start
from harmonium.training.precision import SWITCH, products_on_gpu


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("precision", ["auto", "float32", "mixed"])
def test_a_gpu_multiplies_in_tf32_unless_in_float32_and_only_in_training(device, precision):
    """No GPU is needed to see the switch of torch; afterwards it stands where it stood, errors or not."""
    name, fast, exact = SWITCH
    before = getattr(torch.backends.cuda.matmul, name)
    with contextlib.suppress(ZeroDivisionError), products_on_gpu(torch.device(device), precision):
        during = getattr(torch.backends.cuda.matmul, name)
        raise ZeroDivisionError
    on_gpu = exact if precision == "float32" else fast
    assert during == (on_gpu if device == "cuda" else before)
    assert getattr(torch.backends.cuda.matmul, name) == before


def test_every_update_sets_the_switch(monkeypatch):
    calls = []

    @contextlib.contextmanager
    def noted(device, precision):
        calls.append((device.type, precision))
        yield

    monkeypatch.setattr(loop, "products_on_gpu", noted)
    settings = Settings(hidden=5, epochs=1, precision="float32")
    data = materials(load("bars-and-stripes:2x2"), settings)
    loop.update(start(settings, data), data.train.first(4).float())
    assert calls == [("cpu", "float32")]
