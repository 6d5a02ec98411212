"""Model files: the parameters, and in the header what is needed to rebuild the model. No pickle anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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

_KINDS = {"rbm": "an RBM", "dbn": "a stack of RBMs"}


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
    InputError
        When it is no RBM.
    StorageError
        When the file cannot be written; an older file is then still whole.
    """
    if not isinstance(rbm, RBM):
        raise InputError(
            f"a {type(rbm).__name__} is no RBM: of an estimator give rbm_, or what from_sklearn makes of it"
        )
    preparation = Preparation() if preparation is None else preparation
    header, tensors = describe_data(preparation, image_shape)
    header |= {"format": FORMAT, "kind": "rbm", **describe_layers(rbm)}
    write_tensors(path, tensors | {f"rbm.{name}": tensor for name, tensor in rbm.state_dict().items()}, header)


def describe_layers(rbm: RBM) -> dict[str, Any]:
    """Return what a header says of the two layers of an RBM."""
    return {side: {"family": layer.family, "size": layer.size} for side, layer in rbm.named_children()}


def describe_data(
    preparation: Preparation, image_shape: tuple[int, int] | None
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return what header and tensors say of the data."""
    plain = {"divisor": preparation.divisor, "binarize": preparation.binarize}
    tensors = {}
    if preparation.mean is not None and preparation.deviation is not None:
        tensors = {"preparation.mean": preparation.mean, "preparation.deviation": preparation.deviation}
    return {"preparation": plain, "image_shape": image_shape}, tensors


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
    header, tensors = read_header(path, "rbm", "an RBM")
    with damaged(path):
        check_keys(header, ("visible", "hidden", "preparation", "image_shape"), path)
        rbm = rebuild(header, under("rbm.", tensors), str(path))
        return ModelFile(rbm, *read_data(header, tensors, rbm.visible.size, path))


def kind_of(path: Path | str) -> str:
    """Return what a model file holds, ``rbm`` or ``dbn``; see `read_model_file` for the errors."""
    return str(read_tensors(path)[1].get("kind"))


def read_header(path: Path | str, kind: str, name: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return header and tensors of a file of a kind; refuse newer formats and other kinds."""
    tensors, header = read_tensors(path)
    with damaged(path):
        if header.get("format", 0) > FORMAT:
            raise InputError(
                f"{path} is of format {header['format']}, but this harmonium reads up to format {FORMAT}: "
                "update harmonium"
            )
        if header.get("kind") != kind:
            raise InputError(f"{path} holds {_KINDS.get(str(header.get('kind')), 'a nameless thing')}, not {name}")
    return header, tensors


@contextmanager
def damaged(path: Path | str) -> Iterator[None]:
    """Turn what goes wrong with a header that makes no sense into one sentence."""
    try:
        yield
    except (TypeError, AttributeError, KeyError, ValueError, IndexError, RuntimeError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is damaged: its header makes no sense ({reason})") from error


def check_keys(header: dict[str, Any], keys: Sequence[str], path: Path | str) -> None:
    """Raise `InputError` if a header lacks one of these."""
    missing = set(keys) - header.keys()
    if missing:
        raise InputError(f"{path} is damaged: its header lacks {', '.join(map(repr, sorted(missing)))}")


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with the prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def read_data(
    header: dict[str, Any], tensors: dict[str, Tensor], width: int, path: Path | str
) -> tuple[Preparation, tuple[int, int] | None]:
    """Return the preparation and the shape of images of a file whose model has so many visible units."""
    preparation = Preparation(
        **header["preparation"],
        mean=tensors.get("preparation.mean"),
        deviation=tensors.get("preparation.deviation"),
    )
    if header["image_shape"] is None:
        return preparation, None
    image_shape = (header["image_shape"][0], header["image_shape"][1])
    if image_shape[0] * image_shape[1] != width:
        size = f"{image_shape[0]}x{image_shape[1]}"
        raise InputError(f"{path} is damaged: images of {size} are not {width} pixels")
    return preparation, image_shape


def rebuild(header: dict[str, Any], parameters: dict[str, Tensor], place: str) -> RBM:
    """Build the RBM that a header describes and fill it; `place` is what messages call it."""
    visible, hidden = (make_units(**header[side]) for side in ("visible", "hidden"))
    weights = parameters.get("weights")
    if weights is None:
        raise InputError(f"{place} holds no weights")
    expected = (visible.size, hidden.size)
    if tuple(weights.shape) != expected:
        raise InputError(f"{place} holds weights of shape {tuple(weights.shape)}, but its header announces {expected}")
    rbm = RBM(visible, hidden, weights=weights).to(weights.dtype)
    try:
        rbm.load_state_dict(parameters)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{place} does not hold the parameters that its header announces: {reason}") from error
    return rbm
