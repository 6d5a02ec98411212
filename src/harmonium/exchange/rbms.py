"""The HDF5 files of the package ``rbms``, read and written."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harmonium.errors import InputError
from harmonium.files import replacing
from harmonium.rbm import RBM
from harmonium.sampling import gibbs
from harmonium.units import Bernoulli

MODEL_TYPE = "BBRBM"
"""What that package calls a pair of binary layers."""

CHAINS = 100
"""So many chains are written where none are given: samples of the visible layer on its own."""


def read_rbms(path: Path | str, update: int | None = None) -> tuple[RBM, Tensor | None]:
    """Read a model file of ``rbms`` (Béreux, Decelle, Furtlehner, Rosset & Seoane).

    Both packages write E(v, h) = -vbias . v - hbias . h - v^T W h with states of 0 and 1.

    Parameters
    ----------
    path : path
        The ``.h5`` file; it may hold the model after several numbers of updates.
    update : int, optional
        Which of these; the last one by default.

    Returns
    -------
    rbm : RBM
        Of Bernoulli units, float32.
    chains : Tensor, shape (chains, n), or None
        Where its persistent chains stood, which are those of the last update.

    Raises
    ------
    InputError
        When there is no such file, it is no model of ``rbms``, of units other than binary ones, or damaged, or has no
        such update; or when h5py is not installed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_rbms(f"{folder}/model.h5", RBM(Bernoulli(6), Bernoulli(3)))
    ...     rbm, chains = read_rbms(f"{folder}/model.h5")
    >>> rbm.weights.shape, chains.shape
    (torch.Size([6, 3]), torch.Size([100, 6]))
    """
    h5py = _h5py()
    if not Path(path).is_file():
        raise InputError(f"there is no file {path}")
    try:
        with h5py.File(path, "r") as file:
            kind = bytes(file["model_type"][()]).decode() if "model_type" in file else MODEL_TYPE
            if kind != MODEL_TYPE:
                raise InputError(f"{path} holds a {kind}, but only binary layers, {MODEL_TYPE}, can be read so far")
            name = _name_of(path, sorted(int(key[7:]) for key in file if key.startswith("update_")), update)
            group = file[name].get("params", file[name])
            weights, visible, hidden = (
                torch.from_numpy(np.asarray(group[key][()], np.float32)) for key in ("weight_matrix", "vbias", "hbias")
            )
            stored = file.get("parallel_chains")
            chains = None if stored is None else torch.from_numpy(np.asarray(stored[()], np.float32))
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is not a model file of rbms, or damaged ({error})") from error
    shapes = [tuple(tensor.shape) for tensor in (weights, visible, hidden)]
    if shapes != [(visible.numel(), hidden.numel()), (visible.numel(),), (hidden.numel(),)]:
        raise InputError(f"{path} is damaged: weights and biases of shapes {', '.join(map(str, shapes))} do not fit")
    if chains is not None and tuple(chains.shape[1:]) != (len(visible),):
        raise InputError(f"{path} is damaged: chains of shape {tuple(chains.shape)} for {len(visible)} visible units")
    rbm = RBM(Bernoulli(len(visible)), Bernoulli(len(hidden)), weights=weights)
    rbm.visible.get_parameter("bias").data, rbm.hidden.get_parameter("bias").data = visible, hidden
    rbm.check_finite()
    return rbm.requires_grad_(False), chains


def _name_of(path: Path | str, updates: list[int], wanted: int | None) -> str:
    """Return the name of the group that holds the model after so many updates."""
    if not updates:
        raise InputError(f"{path} is not a model file of rbms: it has no group update_...")
    if wanted is not None and wanted not in updates:
        raise InputError(f"{path} has no model after {wanted} updates, but after {', '.join(map(str, updates))}")
    return f"update_{updates[-1] if wanted is None else wanted}"


@torch.no_grad()
def write_rbms(
    path: Path | str, rbm: RBM, chains: Tensor | None = None, *, update: int = 1, settings: dict[str, Any] | None = None
) -> None:
    """Write a model file that ``rbms`` loads, samples from and goes on training.

    Parameters
    ----------
    path : path
        The ``.h5`` file; one that exists is replaced.
    rbm : RBM
        Of Bernoulli units.
    chains : Tensor, shape (chains, n), optional
        Where persistent chains stand; by default 100 samples of the visible layer on its own.
    update : int
        After how many updates it stands.
    settings : dict, optional
        Hyper-parameters in the words of ``rbms``, in place of ``batch_size`` 500, ``gibbs_steps`` 1, ``learning_rate``
        0.01, ``L1`` 0 and ``L2`` 0, which that package wants to find.

    Raises
    ------
    InputError
        When the units are not binary, or h5py is not installed.
    StorageError
        When the file cannot be written; an old one is then still whole.
    """
    h5py = _h5py()
    if not (rbm.visible.family == rbm.hidden.family == "bernoulli"):
        raise InputError(
            f"rbms knows no {rbm.visible.family} and {rbm.hidden.family} layers: only two binary ones can be written"
        )
    if chains is not None and tuple(chains.shape[1:]) != (rbm.visible.size,):
        raise InputError(f"chains have shape {tuple(chains.shape)}, but must be (chains, {rbm.visible.size})")
    if chains is None:
        chains = gibbs.init_from_noise(rbm, CHAINS, torch.Generator().manual_seed(0)).visible
    known = {"batch_size": 500, "gibbs_steps": 1, "learning_rate": 0.01, "L1": 0.0, "L2": 0.0, "seed": 0}
    known |= {"train_size": 1.0, "num_hiddens": rbm.hidden.size, "num_visibles": rbm.visible.size}
    known |= {"num_chains": len(chains)} | (settings or {})
    parameters = {
        "weight_matrix": rbm.weights,
        "vbias": rbm.visible.get_parameter("bias"),
        "hbias": rbm.hidden.get_parameter("bias"),
    }
    with replacing(path) as part, h5py.File(part, "w") as file:
        for name, value in known.items():
            file[f"hyperparameters/{name}"] = value
        group = file.create_group(f"update_{update}")
        for name, tensor in parameters.items():
            group[f"params/{name}"] = tensor.float().cpu().numpy()
            group[name] = group[f"params/{name}"]
        group["time"] = 0.0
        _write_random_state(group)
        group.create_group("flags")
        file["parallel_chains"] = chains.float().cpu().numpy()
        file["model_type"] = MODEL_TYPE


def _write_random_state(group: Any) -> None:
    """Write fresh states of both generators, which ``rbms`` wants when it goes on training."""
    state = np.random.RandomState(0).get_state(legacy=True)
    group["torch_rng_state"] = torch.Generator().manual_seed(0).get_state().numpy()
    for number, value in enumerate(state):
        group[f"numpy_rng_arg{number}"] = value


def _h5py() -> Any:
    """Return the package h5py."""
    try:
        return importlib.import_module("h5py")
    except ImportError:
        raise InputError("files of rbms need h5py: pip install 'harmonium[exchange]'") from None
