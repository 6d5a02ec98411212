"""Fine-tuning a stack: as a classifier, or as a generative model up and down."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from harmonium.data import Cases, Preparation
from harmonium.deep import DBN, StackRun, save_stack, spread_labels
from harmonium.deep.classifier import as_floats, error_of, randomize, to_torch
from harmonium.deep.fine_tuning import Tuned, Tuning, fine_tune
from harmonium.deep.stacking import labels_of, layer_materials
from harmonium.deep.up_down import UpDown, UpDownRecord, up_down
from harmonium.errors import InputError
from harmonium.files import write_tensors, write_text
from harmonium.seeds import SUBSET, generator_for
from harmonium.stack_report import draw_stack
from harmonium.training import materials
from harmonium.training.materials import split

PIECE = 2000
"""So many examples go up through a stack at once."""


def classify(
    path: Path | str,
    tuning: Tuning,
    *,
    labelled: int | None = None,
    random_start: bool = False,
    data_dir: Path | str | None = None,
    announce: Callable[[str], None] = lambda line: None,
    after_epoch: Callable[[Tuned], bool | None] = lambda record: None,
) -> dict[str, Any]:
    """Fine-tune a stack as a classifier of its data's labels, and keep the network in the run folder.

    The validation examples of the run decide which epoch's network is kept; the test examples are looked at once.

    Parameters
    ----------
    path : path
        The folder of the stack.
    tuning : Tuning
    labelled : int, optional
        Learn from so many labels of the training examples only, as many of each class; if the tuning gives guesses a
        weight, these labels spread to the other training examples (`harmonium.deep.spread_labels`), by the hidden means
        of the bottom layer. The labels of the validation examples still choose the epoch.
    random_start : bool
        Start from random weights instead, and spread labels by the inputs, to see what the stack is worth.
    data_dir : path, optional
        Where mnist and fashion-mnist lie.
    announce : callable
        Called with a sentence before what takes a while.
    after_epoch : callable
        Called after every epoch; ends the tuning when it returns true.

    Returns
    -------
    dict
        ``epochs``, ``validation_error``, ``test_error`` (None without a test split), ``guessing_error`` (of who always
        says the most frequent class, on the validation examples), ``labelled``, ``seconds``.

    Raises
    ------
    InputError
        When the data have no labels, or fewer than are asked for, or the stack has learned all of them already.
    """
    run = StackRun(Path(path))
    stack, dataset, settings = run.model(), run.dataset(data_dir), run.settings()[0]
    labels, classes = labels_of(dataset)
    if labelled is not None and stack.dbn.classes:
        raise InputError(f"{path} has learned all labels in its top layer: train a stack without --labels for few")
    cases, held_out = split(dataset, settings, run.config()["validation"])
    if held_out is None or held_out.values is not dataset.train.values:
        raise InputError("fine-tuning needs validation examples with labels: train with --validation a fraction")
    train, validation = (_pair(part, labels, stack.preparation) for part in (cases, held_out))
    test = None
    if dataset.test is not None and dataset.test_labels is not None:
        test = _pair(dataset.test, dataset.test_labels, stack.preparation)
    guessed = None
    if labelled is not None:
        chosen = _subset(train[1], labelled, classes, tuning.seed)
        if tuning.guess_weight and labelled < len(train[0]):
            announce(
                f"{labelled:,} labels spread to {len(train[0]) - labelled:,} examples, from neighbour to neighbour"
            )
            features = as_floats(train[0]) if random_start else _bottom_means(stack.dbn, train[0])
            spread = spread_labels(features, chosen, train[1][chosen], classes)
            spread[chosen] = -1
            reached = spread >= 0
            guessed = (train[0][reached], spread[reached]) if reached.any() else None
        train = train[0][chosen], train[1][chosen]
    tuning = tuning.decided(stack.dbn.sizes[1:], len(train[0]))
    network = to_torch(stack.dbn, classes, tuning.dropout, tuning.input_dropout or 0.0)
    if random_start:
        randomize(network, generator_for(tuning.seed, SUBSET, 1))
    records = []
    epochs = fine_tune(network, train, validation, tuning, guessed)
    for record in epochs:
        records.append(record)
        if after_epoch(record):
            epochs.close()
    facts = {
        "epochs": len(records),
        "validation_error": min(record.validation_error for record in records),
        "test_error": None if test is None else error_of(network, *test),
        "guessing_error": float((validation[1] != train[1].mode().values).double().mean()),
        "labelled": len(train[0]),
        "seconds": records[-1].seconds,
    }
    _save(run.folder, network, classes, tuning, facts, records)
    return facts


def _bottom_means(dbn: DBN, inputs: Tensor) -> Tensor:
    """Return the means of the lowest hidden layer: (cases, n) -> (cases, m)."""
    return torch.cat([dbn.mean_up(as_floats(piece))[1] for piece in inputs.split(PIECE)])


def _pair(cases: Cases, labels: Tensor, preparation: Preparation) -> tuple[Tensor, Tensor]:
    """Return inputs, bytes where they stand for 0 to 1 and floats otherwise, and classes."""
    if len(labels) != len(cases.values):
        raise InputError(f"there are {len(labels)} labels for {len(cases.values)} examples: give one for each")
    rows = torch.arange(len(cases)) if cases.rows is None else cases.rows
    stored = cases.values[rows]
    plain = stored.dtype == torch.uint8 and preparation.divisor == 255
    return stored if plain else preparation.scale(stored), labels[rows]


def _subset(labels: Tensor, count: int, classes: int, seed: int) -> Tensor:
    """Choose so many examples, as many of each class as can be."""
    if not classes <= count <= len(labels):
        raise InputError(f"labelled is {count}, but must be from {classes}, one a class, to {len(labels)}")
    generator, chosen = generator_for(seed, SUBSET), []
    for k in range(classes):
        own = (labels == k).nonzero().flatten()
        share = count // classes + (k < count % classes)
        if len(own) < share:
            raise InputError(f"class {k} has {len(own)} labels, but its share of {count} is {share}: ask for fewer")
        chosen.append(own[torch.randperm(len(own), generator=generator)[:share]])
    return torch.cat(chosen)


def _save(
    folder: Path, network: nn.Sequential, classes: int, tuning: Tuning, facts: dict[str, Any], records: list[Tuned]
) -> None:
    """Write the network and how it came about."""
    about = {"format": 1, "kind": "classifier", "classes": classes, "layers": _layers(network)}
    write_tensors(folder / "classifier.safetensors", network.state_dict(), about)
    story = {"tuning": asdict(tuning), **facts, "records": [asdict(record) for record in records]}
    write_text(folder / "classifier.json", json.dumps(story, indent=1) + "\n")


def _layers(network: nn.Sequential) -> list[dict[str, Any]]:
    """Return what each module is, as a JSON object."""
    described: list[dict[str, Any]] = []
    for layer in network:
        if isinstance(layer, nn.Linear):
            described.append({"kind": "linear", "inputs": layer.in_features, "outputs": layer.out_features})
        elif isinstance(layer, nn.Dropout):
            described.append({"kind": "dropout", "p": layer.p})
        else:
            described.append({"kind": "sigmoid"})
    return described


def generate(
    path: Path | str,
    settings: UpDown,
    *,
    data_dir: Path | str | None = None,
    after_epoch: Callable[[UpDownRecord], bool | None] = lambda record: None,
) -> list[UpDownRecord]:
    """Fine-tune the generative and the recognition weights of a stack, and keep it as the run's model.

    What greedy learning gave stays in ``greedy.safetensors``, and is where this begins, however often it is done.

    Parameters
    ----------
    path : path
        The folder of the stack.
    settings : UpDown
    data_dir : path, optional
        Where mnist and fashion-mnist lie.
    after_epoch : callable
        Called after every epoch; ends the tuning when it returns true.

    Raises
    ------
    InputError
        When there is no such stack, or learning diverges: the model is then what it was.
    """
    run = StackRun(Path(path))
    stack, config, own = run.greedy(), run.config(), run.settings()
    dataset = run.dataset(data_dir)
    bottom = materials(dataset, run.bottom_settings(), config["validation"])
    data = layer_materials(bottom, (), own[-1], labels_of(dataset)[0]) if config["labels"] else bottom
    dbn, records = stack.dbn.untied(), []
    for record in up_down(dbn, data, settings):
        records.append(record)
        if after_epoch(record):
            break
    save_stack(run.greedy_path, stack.dbn, stack.preparation, stack.image_shape)
    save_stack(run.model_path, dbn, stack.preparation, stack.image_shape)
    draw_stack(run, data_dir)
    return records
