"""The way up, as an ONNX file that runs without torch."""

from __future__ import annotations

import contextlib
import copy
import importlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from harmonium.deep import DBN
from harmonium.deep.classifier import to_torch
from harmonium.errors import InputError
from harmonium.files import replacing
from harmonium.rbm import RBM


def export_onnx(model: RBM | DBN | nn.Sequential, path: Path | str) -> None:
    """Write E[h | v] of an RBM, the way up of a stack, or a network made of one, as an ONNX model.

    Parameters
    ----------
    model : RBM, DBN or nn.Sequential
        The first two are unrolled by `harmonium.deep.classifier.to_torch`.
    path : path
        The ``.onnx`` file. Its input ``visible`` takes any number of cases, (cases, n) float32, prepared as for
        training; its output is called ``hidden``.

    Raises
    ------
    InputError
        When the model is none of these, or onnx and onnxscript are not installed.
    StorageError
        When the file cannot be written.
    """
    try:
        importlib.import_module("onnxscript")
    except ImportError:
        raise InputError("ONNX needs onnx and onnxscript: pip install 'harmonium[exchange]'") from None
    if not isinstance(model, RBM | DBN | nn.Sequential):
        raise InputError(f"export_onnx takes an RBM, a DBN or a network of one, not {type(model).__name__}")
    network = copy.deepcopy(model).eval() if isinstance(model, nn.Sequential) else to_torch(model).eval()
    first = next((layer for layer in network if isinstance(layer, nn.Linear)), None)
    if first is None:
        raise InputError("export_onnx takes a network that to_torch made, but this one has no linear layer")
    example = torch.zeros(2, first.in_features)  # two cases, since torch takes a size of 1 for a constant
    with _quietly():
        program = torch.onnx.export(
            network,
            (example,),
            input_names=["visible"],
            output_names=["hidden"],
            dynamic_shapes=({0: torch.export.Dim("cases")},),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    with replacing(path) as part:
        part.write_bytes(program.model_proto.SerializeToString())


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep back what the exporter has to say of packages that nothing here needs."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
