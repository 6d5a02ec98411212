"""Greedy learning: the layers of a stack are trained one after the other, each on the states of those below."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import harmonium
from harmonium.data import Dataset, load
from harmonium.deep.dbn import DBN
from harmonium.deep.files import save_stack
from harmonium.deep.foundation import Foundation
from harmonium.deep.run import KIND, StackRun
from harmonium.deep.stacking import labels_of, layer_materials
from harmonium.errors import InputError, StorageError
from harmonium.files import write_text
from harmonium.rbm import RBM
from harmonium.seeds import WEIGHTS, generator_for
from harmonium.training import Materials, Run, Settings, TrainingState, materials, open_model, start
from harmonium.training.beginning import check_start, decided
from harmonium.training.run import absolute, check_new, make_run
from harmonium.units import make_units

SMALL = 1e-3
"""Standard deviation of weights that are to change nothing yet."""


@dataclass
class Stacking:
    """A stack on its way up: what every layer is trained with and on.

    Attributes
    ----------
    run : StackRun
    bottom : Materials
        The data.
    settings : list of Settings
        Of every layer.
    labels : Tensor of int64, shape (N,), optional
        The classes that the top layer learns.
    transposed : bool
        Whether a layer of fitting size starts as the one below turned upside down.
    """

    run: StackRun
    bottom: Materials
    settings: list[Settings]
    labels: Tensor | None
    transposed: bool

    def layers(self) -> Iterator[tuple[int, Run, TrainingState, Materials]]:
        """Yield (number, run, state, materials) for every layer that is not finished, from where it stands.

        The next layer is made when the one before is finished; if it is not, the iteration ends.
        """
        below: list[RBM] = []
        learned = False
        for number, settings in enumerate(self.settings, 1):
            run, data = self.run.layer(number), self._materials(number, tuple(below))
            state = self._state(settings, data, below)
            if (run.folder / "config.json").exists():  # the last file of a new run
                run.restore(state)
            else:
                make_run(run, self._config(number, state, data), state, data)
            if not state.finished:
                learned = True
                yield number, run, state, data
                if not state.finished:
                    return
            below.append(open_model(run.folder).rbm.requires_grad_(False))
        if learned or not self.run.model_path.exists():  # else it may have been fine-tuned since
            save_stack(self.run.model_path, DBN(below), self.bottom.preparation, self.bottom.image_shape)
            self.run.greedy_path.unlink(missing_ok=True)

    def _materials(self, number: int, below: tuple[RBM, ...]) -> Materials:
        labels = self.labels if number == len(self.settings) else None
        if not below and labels is None:
            return self.bottom
        return layer_materials(self.bottom, below, self.settings[number - 1], labels)

    def _state(self, settings: Settings, data: Materials, below: list[RBM]) -> TrainingState:
        """Start a layer, as the one below turned upside down where that is wanted and fits."""
        fits = below and below[-1].hidden.size == data.width and below[-1].visible.size <= settings.hidden
        if not (self.transposed and fits and settings.hidden_units == below[-1].visible.family):
            return start(settings, data)
        # Trajectory tempering would begin at the independent model, far from this one.
        method = settings.method or "pcd"
        return start(replace(settings, method=method), data, upside_down(below[-1], settings).requires_grad_())

    def _config(self, number: int, state: TrainingState, data: Materials) -> dict[str, Any]:
        """Return the config.json of a layer's own run; the states that layers above the first see are no data set."""
        whole = self.run.config()
        seen = whole["data"] if data is self.bottom else f"states of layer {number - 1} on {whole['data']}"
        about = {"harmonium": harmonium.__version__, "data": seen, "validation": whole["validation"]}
        about |= {} if data is self.bottom else {"layer": number}
        return about | {"settings": state.settings.to_json(), "fingerprint": data.fingerprint()}


def greedy_layers(settings: Sequence[Settings], bottom: Materials) -> Iterator[tuple[int, TrainingState, Materials]]:
    """Yield (number, state, materials) of each layer in turn, for the caller to train before asking for the next.

    The same without a folder: nothing is written. The trained layers are the models of the states.

    Parameters
    ----------
    settings : sequence of Settings
        Of each layer, from the bottom up; see `fitting`.
    bottom : Materials
        The data.

    Examples
    --------
    >>> from harmonium.training import recipe, train
    >>> settings = fitting([recipe(hidden=size, epochs=2) for size in (8, 4)])
    >>> data, layers = materials(load("bars-and-stripes"), settings[0], validation=0), []
    >>> for number, state, seen in greedy_layers(settings, data):
    ...     epochs = [record.epoch for record in train(state, seen)]
    ...     layers.append(state.model)
    >>> DBN(layers)
    DBN(16-8-4)
    """
    below: list[RBM] = []
    for number, own in enumerate(settings, 1):
        data = layer_materials(bottom, tuple(below), own) if below else bottom
        state = start(own, data)
        yield number, state, data
        below.append(copy.deepcopy(state.model).requires_grad_(False))


def start_stack(
    folder: Path | str,
    data: str,
    settings: Sequence[Settings],
    *,
    on: Path | str | None = None,
    labels: bool = False,
    transposed: bool = False,
    data_dir: Path | str | None = None,
    validation: str | float | None = None,
    overwrite: bool = False,
) -> Stacking:
    """Check everything, then make the folder of a stack; nothing is written when something is wrong.

    Parameters
    ----------
    folder : path
    data : str
        The name or path of the data set.
    settings : sequence of Settings
        Of each layer, from the bottom up. The visible units of every layer but the first are those that fit.
    on : path, optional
        The run of an RBM that was trained on these data, or of a stack, or the folder of a layer of one, which stands
        for that and those below: they become the lowest layers as greedy learning left them, and `settings` are of the
        layers above. Their validation examples are those of the stack.
    labels : bool
        Whether the top layer learns the classes too.
    transposed : bool
        Start a layer that has at least as many hidden units as the layer below has visible ones as that layer upside
        down: the variational bound then does not fall when it begins to learn (Hinton, Osindero & Teh 2006, section
        4). Hidden units beyond those start with weights so small that they change nothing yet.
    data_dir : path, optional
        Where mnist and fashion-mnist lie.
    validation : str or float, optional
        A file, or a fraction of the training examples.
    overwrite : bool
        Whether a run that the folder holds is to be replaced.

    Raises
    ------
    InputError
        When layers do not fit, the folder holds a run, or anything is wrong with the data.
    StorageError
        When the folder cannot be made or written.

    Examples
    --------
    >>> import tempfile
    >>> from harmonium.training import recipe
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     stacking = start_stack(folder, "bars-and-stripes", [recipe(hidden=h, epochs=2) for h in (8, 4)])
    ...     for number, run, state, data in stacking.layers():
    ...         epochs = [record.epoch for record in run.train(state, data)]
    ...     stacking.run.model().dbn
    DBN(16-8-4)
    """
    run = StackRun(Path(folder))
    check_new(run.folder, run.exists() and not overwrite)
    dataset = load(data, data_dir)
    ready = None if on is None else Foundation.of(on)
    if ready is not None:
        ready.check_apart(run.folder)
        settings, validation = [*ready.settings(), *settings], ready.validation(validation)
    classes = labels_of(dataset)[1] if labels else 0
    fitted = fitting(settings, classes)
    validation = dataset.validation if validation is None else validation
    bottom = materials(dataset, settings[0], validation)
    if labels and bottom.validation is not None and bottom.validation.values is not dataset.train.values:
        raise InputError("a validation file has no labels: give --validation a fraction when learning labels")
    if transposed and any(own.method == "ptt" for own in fitted[1:]):
        raise InputError("trajectory tempering begins at the independent model: use --method pcd with --transposed")
    _check_layers(fitted, bottom, classes)
    if ready is not None:
        ready.check(fitted[0], bottom)
    config = {
        "kind": KIND,
        "harmonium": harmonium.__version__,
        "data": absolute(data),
        "validation": absolute(validation),
        "labels": labels,
        "transposed": transposed,
        "binarize": settings[0].binarize,
        "layers": [each.to_json() for each in fitted],
        "fingerprint": _fingerprint(bottom, dataset if labels else None),
    }
    run.remove()
    try:
        run.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make the folder {run.folder}: {error.strerror}") from error
    write_text(run.folder / "config.json", json.dumps(config, indent=1) + "\n")
    if ready is not None:
        ready.copy(run)
    return Stacking(run, bottom, fitted, labels_of(dataset)[0] if labels else None, transposed)


def _fingerprint(bottom: Materials, labelled: Dataset | None) -> str:
    """Return a short digest that changes when the training examples or the labels to be learned do."""
    if labelled is None:
        return bottom.fingerprint()
    return f"{bottom.fingerprint()}-{hashlib.sha256(labels_of(labelled)[0].numpy().tobytes()).hexdigest()[:16]}"


def _check_layers(settings: Sequence[Settings], bottom: Materials, classes: int) -> None:
    """Look at every layer before any is trained, so that what is wrong with the last comes out first."""
    width = bottom.width
    if len({own.distort for own in settings}) > 1:
        raise InputError(f"all layers learn from the same examples: give --distort {settings[0].distort:g}, as below")
    for number, own in enumerate(settings, 1):
        size = width + (classes if number == len(settings) else 0)
        try:
            decided(own, len(bottom.train), size)
            check_start(own, RBM(make_units(own.visible, size), make_units(own.hidden_units, own.hidden)))
        except InputError as error:
            raise InputError(f"layer {number}: {error}") from error
        width = own.hidden


def resume_stack(folder: Path | str, *, data_dir: Path | str | None = None) -> Stacking:
    """Return a stack where its folder stands, ready to go on.

    Raises
    ------
    InputError
        When there is none, its data are not what they were, or a file is damaged.
    """
    run = StackRun(Path(folder))
    config, settings = run.config(), run.settings()
    dataset = run.dataset(data_dir)
    bottom = materials(dataset, run.bottom_settings(), config["validation"])
    if _fingerprint(bottom, dataset if config["labels"] else None) != config["fingerprint"]:
        raise InputError(f"cannot resume {folder}: its data, {config['data']}, are not what they were when it started")
    labels = labels_of(dataset)[0] if config["labels"] else None
    return Stacking(run, bottom, settings, labels, config["transposed"])


def fitting(settings: Sequence[Settings], classes: int = 0) -> list[Settings]:
    """Return the settings with the visible units of every layer those that the layer below has hidden.

    Raises
    ------
    InputError
        When labels are to stand beside units that are not binary.
    """
    fitted = list(settings[:1])
    for own in settings[1:]:
        visible = fitted[-1].hidden_units
        binarize = "sample" if visible == "bernoulli" else "none"
        fitted.append(replace(own, visible=visible, binarize=binarize))
    if classes:
        top = fitted[-1]
        if top.visible != "bernoulli":
            raise InputError(
                f"layer {len(fitted)} has {top.visible} visible units, but labels stand beside bernoulli ones: "
                "use bernoulli hidden units in the layer below, or leave out --labels"
            )
        fitted[-1] = replace(top, visible=f"labelled:{classes}", binarize="none")
    return fitted


@torch.no_grad()
def upside_down(below: RBM, settings: Settings) -> RBM:
    """Return a model that begins as the layer below upside down, and may have more hidden units than that has visible.

    Those that are more have weights near 0 (of a standard deviation of `SMALL`), so that what the model says of the
    states of the layer below is what that layer itself says.
    """
    mirror = copy.deepcopy(below.mirror())  # whose weights are a transposed view, which no kernel takes
    hidden = make_units(settings.hidden_units, settings.hidden)
    taken = dict(mirror.hidden.named_parameters())
    for name, parameter in hidden.named_parameters():
        parameter[: len(taken[name])] = taken[name]
    more = settings.hidden - mirror.hidden.size
    small = SMALL * torch.randn(mirror.visible.size, more, generator=generator_for(settings.seed, WEIGHTS))
    return RBM(mirror.visible, hidden, weights=torch.cat([mirror.weights, small.to(mirror.weights)], 1).contiguous())
