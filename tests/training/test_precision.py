"""What a GPU multiplies in; what the CPU does is held to float32 in `test_descent`."""

import contextlib

import pytest
import torch

from harmonium.training.precision import tensor_cores


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("precision", ["auto", "float32", "mixed"])
def test_a_gpu_multiplies_in_tf32_unless_in_float32_and_only_in_training(device, precision):
    """No GPU is needed to see the switch of torch; afterwards it stands where it stood, errors or not."""
    before = torch.backends.cuda.matmul.allow_tf32
    with contextlib.suppress(ZeroDivisionError), tensor_cores(torch.device(device), precision):
        during = torch.backends.cuda.matmul.allow_tf32
        raise ZeroDivisionError
    assert during == (before or (device == "cuda" and precision != "float32"))
    assert torch.backends.cuda.matmul.allow_tf32 == before
