"""Dreams of a stack, written to files."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from harmonium.deep import StackRun
from harmonium.errors import InputError, StorageError
from harmonium.files import check_states_path, replacing
from harmonium.seeds import DREAM, generator_for
from harmonium.stack_report import draw_stack_dreams, write_stack_report

MOST = 1_000_000
"""More dreams than this are a slip of the keyboard."""


class StackDreams(NamedTuple):
    """What `dream_of_stack` made.

    Attributes
    ----------
    visible, mean : Tensor, shape (count, n)
        The states, and E[v | x_1], in the units of the data.
    classes : Tensor of int64, shape (count,), optional
        The class that each was asked for.
    files : dict of str to str
        What was written, and where.
    """

    visible: Tensor
    mean: Tensor
    classes: Tensor | None
    files: dict[str, str]


def dream_of_stack(
    path: Path | str,
    count: int = 100,
    steps: int = 1000,
    *,
    label: int | None = None,
    seed: int = 0,
    samples: Path | None = None,
    picture: Path | None = None,
) -> StackDreams:
    """Sample dreams of a stack; write their picture and, if wanted, their states.

    Parameters
    ----------
    path : path
        The folder of the stack.
    count : int
        The number of chains.
    steps : int
        Gibbs steps in the top RBM.
    label : int, optional
        The class to dream of; without one, a stack with labels dreams of all in turn, about as often of each.
    seed : int
        Decides all randomness.
    samples : Path, optional
        A .npy file for the states (count, n).
    picture : Path, optional
        The picture; ``dreams.png`` in the folder by default, and then the report shows it too.

    Raises
    ------
    InputError
        When there is no such stack, it has no labels or none of that number, or a number is not positive.
    StorageError
        When a file cannot be written.
    """
    run = StackRun(Path(path))
    stack = run.model()
    dbn, generator = stack.dbn, generator_for(seed, DREAM)
    if not 1 <= count <= MOST:
        raise InputError(f"count is {count}, but must be from 1 to {MOST}")
    check_states_path(samples)
    for target in (samples, picture):
        if target is not None and not target.parent.is_dir():
            raise StorageError(f"cannot write {target}: there is no folder {target.parent}")
    if label is None and dbn.classes:
        shares = [len(part) for part in np.array_split(np.arange(count), dbn.classes)]
        asked: list[tuple[int, int | None]] = [(share, k) for k, share in enumerate(shares) if share]
    else:
        asked = [(count, label)]
    made = [dbn.dream(share, steps, generator, k) for share, k in asked]
    visible, mean = (stack.preparation.restore(torch.cat(list(part))) for part in list(zip(*made, strict=True))[:2])
    target = run.folder / "dreams.png" if picture is None else picture
    draw_stack_dreams(target, stack, mean, rows=len(asked))
    files = {"picture": str(target)}
    if samples is not None:
        binary = dbn.visible.unit_states() is not None
        with replacing(samples) as part, part.open("wb") as handle:
            np.save(handle, visible.numpy().astype(np.uint8) if binary else visible.numpy())
        files["samples"] = str(samples)
    if picture is None:
        files["report"] = str(write_stack_report(run))
    classes = torch.cat([torch.full((share,), k) for share, k in asked if k is not None]) if dbn.classes else None
    return StackDreams(visible, mean, classes, files)
