"""The model file of a stack: all its layers in one safetensors file."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from harmonium.data import Preparation
from harmonium.deep.dbn import DBN
from harmonium.files import write_tensors
from harmonium.io import (
    FORMAT,
    check_keys,
    damaged,
    describe_data,
    describe_layers,
    read_data,
    read_header,
    rebuild,
    under,
)


class StackFile(NamedTuple):
    """What the model file of a stack holds.

    Attributes
    ----------
    dbn : DBN
        The stack.
    preparation : Preparation
        What was done to the data before the bottom layer saw them.
    image_shape : tuple of int, optional
        (height, width) where its visible units are the pixels of an image.
    """

    dbn: DBN
    preparation: Preparation
    image_shape: tuple[int, int] | None


def save_stack(
    path: Path | str,
    dbn: DBN,
    preparation: Preparation | None = None,
    image_shape: tuple[int, int] | None = None,
) -> None:
    """Write the model file of a stack, replacing the old one in one step.

    Parameters
    ----------
    path : path
        Usually ends in ``.safetensors``; its folder must exist.
    dbn : DBN
    preparation : Preparation, optional
        What is done to data; by default nothing.
    image_shape : tuple of int, optional
        (height, width), for pictures.

    Raises
    ------
    StorageError
        When the file cannot be written; an older file is then still whole.
    """
    header, tensors = describe_data(Preparation() if preparation is None else preparation, image_shape)
    header |= {"format": FORMAT, "kind": "dbn", "tied": dbn.tied, "layers": [describe_layers(r) for r in dbn.layers]}
    for number, rbm in enumerate(dbn.layers, 1):
        tensors |= {f"layer.{number}.{name}": tensor for name, tensor in rbm.state_dict().items()}
    for number, rbm in enumerate(() if dbn.tied else dbn.recognition, 1):
        tensors |= {f"recognition.{number}.{name}": tensor for name, tensor in rbm.state_dict().items()}
    write_tensors(path, tensors, header)


def read_stack(path: Path | str) -> StackFile:
    """Return what the model file of a stack holds.

    Raises
    ------
    InputError
        When the file is missing, cut short, altered, of a newer format, or a layer is not what the header announces:
        names the layer.
    """
    header, tensors = read_header(path, "dbn", "a stack of RBMs")
    with damaged(path):
        check_keys(header, ("layers", "tied", "preparation", "image_shape"), path)
        layers = [
            rebuild(each, under(f"layer.{number}.", tensors), f"layer {number} of {path}")
            for number, each in enumerate(header["layers"], 1)
        ]
        up = None
        if not header["tied"]:
            up = [
                rebuild(each, under(f"recognition.{number}.", tensors), f"what goes up in layer {number} of {path}")
                for number, each in enumerate(header["layers"][:-1], 1)
            ]
        dbn = DBN(layers, up)
        return StackFile(dbn, *read_data(header, tensors, dbn.sizes[0], path))
