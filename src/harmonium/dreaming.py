"""Dreams of a run, written to files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from harmonium.errors import InputError, StorageError, unknown_name
from harmonium.files import check_states_path, replacing
from harmonium.io import ModelFile
from harmonium.pictures import save_film
from harmonium.pictures.film import check_film_path
from harmonium.progress import step_progress
from harmonium.rbm import RBM
from harmonium.report import draw_model_dreams, write_report
from harmonium.sampling import Dreams, GibbsState, Trajectory, gibbs, trajectory
from harmonium.sampling.dreams import film as filmed
from harmonium.seeds import DREAM, generator_for
from harmonium.training import Run, open_model

MOST_CHAINS = 1_000_000

STARTS = ("noise", "data", "ladder")
"""Where chains may start."""

CLIMB = 200
"""So many steps for every model of a ladder."""

FRAMES = 100
"""About how many frames a film has."""


class MadeDreams(NamedTuple):
    """What `dream_of_run` made.

    Attributes
    ----------
    dreams : float
        Mean free energy of the dreams, in nats.
    data : float or None
        That of training examples, where they are at hand.
    start : str
        Where the chains started.
    steps : int
        The steps that they took.
    files : dict of str to str
        What was written, and where.
    """

    dreams: float
    data: float | None
    start: str
    steps: int
    files: dict[str, str]


def dream_of_run(
    path: Path | str,
    count: int = 100,
    steps: int | None = None,
    *,
    start: str | None = None,
    seed: int = 0,
    samples: Path | None = None,
    film: Path | None = None,
    picture: Path | None = None,
    data_dir: Path | str | None = None,
) -> MadeDreams:
    """Sample dreams from a run folder or model file; write their picture and, if wanted, states and film.

    Parameters
    ----------
    path : path
        A run folder or a bare model file.
    count : int
        The number of chains.
    steps : int, optional
        Gibbs steps; by default 1,000, or 200 for every checkpoint of a ladder.
    start : {"noise", "data", "ladder"}, optional
        Where the chains start; training examples of the run are ``data``; ``ladder`` lets them climb from the
        independent model over the checkpoints of trajectory tempering, and is the default where there are any.
    seed : int
        Decides all randomness.
    samples : Path, optional
        A .npy file for the sampled states (count, n), in the units of the data: bytes 0 and 1 where the visible units
        are binary, float32 otherwise.
    film : Path, optional
        An animation, .gif, .webp or .png.
    picture : Path, optional
        The picture; ``dreams.png`` in the run folder by default, and then the report shows it too.
    data_dir : path, optional
        Where mnist and fashion-mnist lie.

    Raises
    ------
    InputError
        When there is no such model, a number is not positive, or the data to start from are not to be had.
    StorageError
        When a file cannot be written.
    """
    path = Path(path)
    if count < 1:
        raise InputError(f"count is {count}, but must be at least 1")
    if start is not None and start not in STARTS:
        raise unknown_name("start", start, STARTS)
    if film is not None:
        check_film_path(film)
    check_states_path(samples)
    _check_targets(samples, film, picture)
    model = open_model(path)
    model.rbm.check_finite()
    if count > MOST_CHAINS:
        raise InputError(f"count is {count}, but must be at most {MOST_CHAINS}")
    examples = _examples(path, data_dir, required=start == "data")
    ladder = _ladder(path, required=start == "ladder") if start in (None, "ladder") else None
    start = start or ("noise" if ladder is None else "ladder")
    if steps is None:
        steps = 1000 if ladder is None else CLIMB * len(ladder)
    generator = generator_for(seed, DREAM)
    every = max(1, steps // FRAMES)
    if ladder is None:
        chains = _start(model, examples if start == "data" else None, count, generator)
        moving = filmed(model.rbm, chains, steps, generator, every)
    else:
        moving = trajectory.film(Trajectory(ladder), count, steps, generator, every)
    frames, last = _watch(model, moving, steps, every, film is not None)
    target = picture or (path if path.is_dir() else path.parent) / "dreams.png"
    draw_model_dreams(model, last, target, examples)
    files = {"picture": str(target)}
    if film is not None:
        bounded = model.rbm.visible.unit_states() is not None
        save_film(frames, film, bounded=bounded, image_shape=model.image_shape)
        files["film"] = str(film)
    if samples is not None:
        _save_samples(model, last.visible, samples)
        files["samples"] = str(samples)
    if path.is_dir() and picture is None:
        files["report"] = str(write_report(Run(path)))
    with torch.no_grad():
        of_data = None if examples is None else float(model.rbm.free_energy(examples).mean())
    return MadeDreams(float(last.free_energy.mean()), of_data, start, steps, files)


def _ladder(path: Path, required: bool) -> list[RBM] | None:
    """Return the models that the chains climb; None where training left none and none are required."""
    ladder = Run(path).ladder() if path.is_dir() else None
    if ladder is None and required:
        raise InputError(f"{path} has no ladder of checkpoints: train with --method ptt, or start from noise")
    return ladder


def _examples(path: Path, data_dir: Path | str | None, required: bool) -> Tensor | None:
    """Return training examples of the run; None where they are not to be had and not required."""
    if not path.is_dir():
        if required:
            raise InputError(f"{path} is a bare model file, whose data are not known: start from noise")
        return None
    try:
        return Run(path).examples(data_dir)[0].to(open_model(path).rbm.weights)
    except InputError:
        if required:
            raise
        return None


def _check_targets(*targets: Path | None) -> None:
    """Refuse files that cannot be written before anything is sampled."""
    for target in targets:
        if target is not None and not target.parent.is_dir():
            raise StorageError(f"cannot write {target}: there is no folder {target.parent}")


def _start(model: ModelFile, examples: Tensor | None, count: int, generator: torch.Generator) -> GibbsState:
    """Start `count` chains at examples, taken in turn, or at noise."""
    with torch.no_grad():
        if examples is None:
            return gibbs.init_from_noise(model.rbm, count, generator)
        return gibbs.init(model.rbm, examples[torch.arange(count) % len(examples)])


def _watch(
    model: ModelFile, moving: Iterator[Dreams], steps: int, every: int, keep_frames: bool
) -> tuple[list[Tensor], Dreams]:
    """Run the chains under a progress bar; return the frames of the film, if wanted, and the last dreams."""
    frames: list[Tensor] = []
    with step_progress("dreaming", steps) as bar:
        for last in moving:
            if keep_frames:
                frames.append(model.preparation.restore(last.mean))
            bar.advance(bar.task_ids[0], every)
    return frames, last


def _save_samples(model: ModelFile, visible: Tensor, path: Path) -> None:
    states = model.preparation.restore(visible).numpy()
    with replacing(path) as part, part.open("wb") as handle:
        np.save(handle, states.astype(np.uint8) if model.rbm.visible.unit_states() is not None else states)
