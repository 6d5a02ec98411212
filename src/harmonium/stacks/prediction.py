"""Classes of new examples by the classifier of a run."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from harmonium.data.survey import survey
from harmonium.deep import StackRun
from harmonium.deep.classifier import probabilities
from harmonium.errors import InputError
from harmonium.files import read_tensors, replacing
from harmonium.stacks.evaluation import part_of


def load_classifier(folder: Path | str) -> nn.Sequential:
    """Return the network that `classify` left in a run folder.

    Raises
    ------
    InputError
        When there is none, or its file is damaged.
    """
    path = Path(folder) / "classifier.safetensors"
    if not path.exists():
        raise InputError(f"{folder} has no classifier: make one with harmonium finetune {folder} --task classify")
    tensors, header = read_tensors(path)
    try:
        network = nn.Sequential(*(_module(layer) for layer in header["layers"]))
        network.load_state_dict(tensors)
    except (KeyError, TypeError, RuntimeError) as error:
        raise InputError(f"{path} is damaged ({' '.join(str(error).split())}): fine-tune anew") from error
    return network.eval()


def _module(layer: dict[str, Any]) -> nn.Module:
    """Return the module that a header describes."""
    if layer["kind"] == "linear":
        return nn.Linear(layer["inputs"], layer["outputs"])
    return nn.Dropout(layer["p"]) if layer["kind"] == "dropout" else nn.Sigmoid()


def predict(
    path: Path | str, data: str = "test", out: Path | None = None, *, data_dir: Path | str | None = None
) -> Tensor:
    """Return the probability of every class for every example, and write them beside the classes.

    Parameters
    ----------
    path : path
        The folder of a stack that was fine-tuned as a classifier.
    data : str
        ``test``, ``validation`` or ``train`` of its data, or a file.
    out : Path, optional
        A .csv file: the most probable class, then the probability of each, a line an example.
    data_dir : path, optional
        Where mnist and fashion-mnist lie.

    Returns
    -------
    Tensor, shape (cases, classes)

    Raises
    ------
    InputError
        When there is no classifier, or the data do not fit it.
    """
    run = StackRun(Path(path))
    stack, network = run.model(), load_classifier(path)
    cases = part_of(run, data, data_dir)
    stack.dbn.visible.check_width(cases.values, "the data")
    survey(cases, stack.preparation, stack.dbn.visible.check)
    found = torch.cat([probabilities(network, stack.preparation.scale(stored)) for _, stored in cases.chunks()])
    if out is not None:
        with replacing(out) as part, part.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.writer(handle)
            writer.writerow(["class", *(f"p{k}" for k in range(found.shape[1]))])
            for best, row in zip(found.argmax(1).tolist(), found.tolist(), strict=True):
                writer.writerow([best, *(f"{value:.6g}" for value in row)])
    return found
