"""Model files: the parameters, and in the header what is needed to rebuild the model. No pickle anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from harmonium.data import Preparation
from harmonium.errors import InputError
from harmonium.files import read_tensors, write_tensors
from harmonium.rbm import RBM
from harmonium.units import make_units

FORMAT = 1
"""The version of the file format that this code writes; older ones are read, newer ones refused."""


class ModelFile(NamedTuple):
    """What a model file holds.

    Attributes
    ----------
    rbm : RBM
        The model.
    preparation : Preparation
        What was done to the data before the model saw them.
    image_shape : tuple of int, optional
        (height, width) where the visible units are the pixels of an image.
    """

    rbm: RBM
    preparation: Preparation
    image_shape: tuple[int, int] | None


def save_model(
    path: Path | str,
    rbm: RBM,
    preparation: Preparation | None = None,
    image_shape: tuple[int, int] | None = None,
) -> None:
    """Write a model file, replacing the old one in one step.

    Parameters
    ----------
    path : path
        Usually ends in ``.safetensors``; its folder must exist.
    rbm : RBM
        The model.
    preparation : Preparation, optional
        What is done to data before this model sees them; by default nothing.
    image_shape : tuple of int, optional
        (height, width), for pictures.

    Raises
    ------
    StorageError
        When the file cannot be written; an older file is then still whole.
    """
    preparation = Preparation() if preparation is None else preparation
    header = {
        "format": FORMAT,
        "kind": "rbm",
        "visible": {"family": rbm.visible.family, "size": rbm.visible.size},
        "hidden": {"family": rbm.hidden.family, "size": rbm.hidden.size},
        "preparation": {"divisor": preparation.divisor, "binarize": preparation.binarize},
        "image_shape": image_shape,
    }
    tensors = {f"rbm.{name}": tensor for name, tensor in rbm.state_dict().items()}
    if preparation.mean is not None and preparation.deviation is not None:
        tensors |= {"preparation.mean": preparation.mean, "preparation.deviation": preparation.deviation}
    write_tensors(path, tensors, header)


def load_model(path: Path | str) -> RBM:
    """Return the model of a model file; see `read_model_file` for the errors."""
    return read_model_file(path).rbm


def read_model_file(path: Path | str) -> ModelFile:
    """Return all that a model file holds.

    Raises
    ------
    InputError
        When the file is missing, cut short, altered, of a newer format, or its tensors do not have the shapes that its
        header announces.
    """
    tensors, header = read_tensors(path)
    try:
        return _interpret(tensors, header, path)
    except InputError:
        raise
    except (TypeError, AttributeError, KeyError, ValueError, IndexError, RuntimeError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is damaged: its header makes no sense ({reason})") from error


def _interpret(tensors: dict[str, Tensor], header: dict[str, Any], path: Path | str) -> ModelFile:
    """Return what tensors and header describe."""
    if header.get("format", 0) > FORMAT:
        raise InputError(
            f"{path} is of format {header['format']}, but this harmonium reads up to format {FORMAT}: update harmonium"
        )
    if header.get("kind") != "rbm":
        raise InputError(f"{path} holds a {header.get('kind', 'nameless thing')}, not an RBM")
    missing = {"visible", "hidden", "preparation", "image_shape"} - header.keys()
    if missing:
        raise InputError(f"{path} is damaged: its header lacks {', '.join(map(repr, sorted(missing)))}")
    preparation = Preparation(
        **header["preparation"],
        mean=tensors.get("preparation.mean"),
        deviation=tensors.get("preparation.deviation"),
    )
    image_shape = None if header["image_shape"] is None else (header["image_shape"][0], header["image_shape"][1])
    rbm = _rebuild(header, tensors, path)
    if image_shape is not None and image_shape[0] * image_shape[1] != rbm.visible.size:
        size = f"{image_shape[0]}x{image_shape[1]}"
        raise InputError(f"{path} is damaged: images of {size} are not {rbm.visible.size} pixels")
    return ModelFile(rbm, preparation, image_shape)


def _rebuild(header: dict[str, Any], tensors: dict[str, Tensor], path: Path | str) -> RBM:
    """Build the RBM that the header describes and fill it."""
    visible, hidden = (make_units(**header[side]) for side in ("visible", "hidden"))
    parameters = {name.removeprefix("rbm."): tensor for name, tensor in tensors.items() if name.startswith("rbm.")}
    weights = parameters.get("weights")
    if weights is None:
        raise InputError(f"{path} holds no weights")
    expected = (visible.size, hidden.size)
    if tuple(weights.shape) != expected:
        raise InputError(f"{path} holds weights of shape {tuple(weights.shape)}, but its header announces {expected}")
    rbm = RBM(visible, hidden, weights=weights).to(weights.dtype)
    try:
        rbm.load_state_dict(parameters)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} does not hold the parameters that its header announces: {reason}") from error
    return rbm
