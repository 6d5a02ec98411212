"""The report of a stack: features and dreams at every depth, dreams of every class, and a map of the top."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import torch
from torch import Tensor

from harmonium.data import Dataset
from harmonium.deep import DBN, StackFile, StackRun, unlabelled
from harmonium.pictures import draw_class_dreams, draw_curves, draw_map, draw_weights
from harmonium.report import picture_section, readable, table, write_page
from harmonium.sampling import dream, gibbs
from harmonium.seeds import DREAM, MEASURE, generator_for
from harmonium.training.materials import split

DREAMS, STEPS = 100, 500
"""Dreams in a picture, and Gibbs steps before them."""

FEATURES = 400
"""The most features in a picture."""

MAPPED = 1500
"""Examples on the map."""


def draw_stack(run: StackRun, data_dir: Path | str | None = None) -> Path:
    """Draw all pictures of a stack and write its report; return the path of the page.

    Raises
    ------
    InputError
        When the stack has not been trained to the top.
    """
    stack, seed = run.model(), run.settings()[0].seed
    draw_depths(run.folder, run.greedy(), seed)
    means, rows = dreams_of_classes(stack.dbn, DREAMS, STEPS, seed)
    draw_stack_dreams(run.folder / "dreams.png", stack, stack.preparation.restore(means), rows)
    dataset = run.dataset(data_dir)
    examples, labels = _mapped(run, dataset, stack)
    states = stack.dbn.mean_up(examples)[-1]
    if len(states) >= 5 and int((states.std(0) > 0).sum()) >= 2:
        draw_map(states, run.folder / "map.png", labels)
    for number in range(1, len(stack.dbn.layers) + 1):
        records = run.layer(number).records()
        if records:
            draw_curves(records, run.folder / f"curves-{number}.png")
    return write_stack_report(run)


def _mapped(run: StackRun, dataset: Dataset, stack: StackFile) -> tuple[Tensor, Tensor | None]:
    """Return validation examples for the map, or training examples where there are none, and their classes."""
    train, held_out = split(dataset, run.settings()[0], run.config()["validation"])
    cases = train if held_out is None else held_out
    generator = generator_for(run.settings()[0].seed, MEASURE, 4)
    chosen = torch.randperm(len(cases), generator=generator)[:MAPPED]
    examples = stack.preparation.scale(cases.take(chosen))
    labels = dataset.train_labels
    if labels is None or len(labels) != len(dataset.train.values) or cases.values is not dataset.train.values:
        return examples, None
    return examples, labels[chosen if cases.rows is None else cases.rows[chosen]]


def draw_depths(folder: Path, stack: StackFile, seed: int) -> None:
    """Draw the features of every layer, added up down to the pixels, and what each layer's own RBM dreams."""
    dbn, generator = stack.dbn, generator_for(seed, DREAM)
    weights = [unlabelled(rbm).weights.detach() for rbm in dbn.layers]
    for number, projected in enumerate(accumulate(weights, torch.matmul), 1):
        draw_weights(projected[:, :FEATURES], folder / f"features-{number}.png", stack.image_shape)
    for place, rbm in enumerate(dbn.layers[:-1]):
        states = dream(rbm, gibbs.init_from_noise(rbm, DREAMS, generator), STEPS, generator)
        means = states.mean if place == 0 else dbn.descend(states.visible, generator, place).mean
        draw_class_dreams(
            stack.preparation.restore(means),
            folder / f"dreams-{place + 1}.png",
            bounded=dbn.visible.unit_states() is not None,
            image_shape=stack.image_shape,
        )


def dreams_of_classes(dbn: DBN, count: int, steps: int, seed: int) -> tuple[Tensor, int]:
    """Return means E[v | x_1] of dreams, class by class where the stack has labels, and how many classes."""
    generator = generator_for(seed, DREAM)
    if not dbn.classes:
        return dbn.dream(count, steps, generator).mean, 1
    each = max(1, count // dbn.classes)
    made = [dbn.dream(each, steps, generator, label).mean for label in range(dbn.classes)]
    return torch.cat(made), dbn.classes


def draw_stack_dreams(path: Path, stack: StackFile, means: Tensor, rows: int) -> None:
    """Draw dreams in the units of the data, (count, n), in so many rows where they fill them evenly."""
    draw_class_dreams(
        means,
        path,
        across=len(means) // rows if rows > 1 and len(means) % rows == 0 else None,
        bounded=stack.dbn.visible.unit_states() is not None,
        image_shape=stack.image_shape,
    )


def write_stack_report(run: StackRun) -> Path:
    """Write ``report.html`` from the pictures that the folder holds, and return its path."""
    config, dbn = run.config(), run.model().dbn
    labels = f" and {dbn.classes} labels beside the units below its top" if dbn.classes else ""
    lead = (
        f"A deep belief network of {'-'.join(map(str, dbn.sizes))} units{labels}, trained layer by layer on "
        f"{config['data']}. 'harmonium evaluate' gives its variational bound and an estimate of its log-likelihood."
    )
    return write_page(run.folder, lead, list(_sections(run, dbn)))


def _sections(run: StackRun, dbn: DBN) -> Iterator[str]:
    captions = {
        "dreams.png": (
            "Dreams of the whole stack",
            "Chains in the top RBM"
            + (", their label held on, class after class (or the one that was asked for)" if dbn.classes else "")
            + ", then one pass down; good dreams look like data, and those of a class differ from each other.",
        ),
        "map.png": (
            "Map of the top layer",
            "Validation examples where there are any, near each other where their states on top are alike (t-SNE); "
            "classes that lie apart are easy to tell by these states.",
        ),
    }
    for number in range(1, len(dbn.layers) + 1):
        captions[f"features-{number}.png"] = (
            f"Features of layer {number}",
            "Weights into single hidden units"
            + (", multiplied down through the layers below to the pixels" if number > 1 else "")
            + "; grey is zero. Higher layers should show larger and more special shapes.",
        )
        captions[f"dreams-{number}.png"] = (
            f"Dreams of the RBM of layer {number}",
            "What chains in this RBM alone give, passed down; they should get better from layer to layer.",
        )
        captions[f"curves-{number}.png"] = (
            f"Training of layer {number}",
            "The log-likelihood of each layer is that of the states it was given, so layers are not to be compared.",
        )
    for name, (title, caption) in captions.items():
        if (run.folder / name).exists():
            yield picture_section(run.folder / name, title, caption)
    yield "<h2>Layers</h2>\n" + table(_rows(run, dbn))


def _rows(run: StackRun, dbn: DBN) -> Iterator[tuple[str, str, str]]:
    """Yield what each layer is and how it was trained."""
    for number, rbm in enumerate(dbn.layers, 1):
        records, settings = run.layer(number).records(), run.layer(number).settings()
        shape = f"{rbm.visible.size} {rbm.visible.family} x {rbm.hidden.size} {rbm.hidden.family}"
        last = records[-1] if records else None
        said = f"method {settings.method}, {settings.epochs} epochs planned, rate {settings.learning_rate:g}"
        if last is not None and last.log_likelihood is not None:
            said += f"; log-likelihood of its states {readable(last.log_likelihood)} nats"
        yield f"layer {number}", shape, said
