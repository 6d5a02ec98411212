"""What each layer of a stack trains on: the states that the layers below it sample from the data, anew each time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from harmonium.data import Cases, Dataset, Preparation, Survey
from harmonium.data.distorted_cases import DistortedCases
from harmonium.deep.labels import with_labels
from harmonium.errors import InputError
from harmonium.packed import packed_if_faster
from harmonium.rbm import RBM
from harmonium.training import Materials, Settings
from harmonium.training.beginning import choose_device
from harmonium.training.materials import held_out_examples, monitored_examples
from harmonium.units import make_units

MOST_CLASSES = 1000
"""More labels than this are taken for a slip."""


@dataclass(frozen=True)
class LabelledCases(Cases):
    """Examples with the number of their class in one more column, which is put there when a batch is taken.

    Attributes
    ----------
    labels : Tensor of int64, shape (N,)
        The class of every row of the table.
    examples : Cases, optional
        The examples without it, where epochs show them distorted; else the rows of the table.
    """

    labels: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))
    examples: Cases | None = None

    @property
    def width(self) -> int:
        """The number of columns, that of the class included."""
        return self.values.shape[1] + 1

    def in_epoch(self, generator: torch.Generator) -> LabelledCases:
        """Return the examples as an epoch shows them."""
        return self if self.examples is None else replace(self, examples=self.examples.in_epoch(generator))

    def take(self, positions: Tensor) -> Tensor:
        """Return the examples at these positions, each followed by its class: (k,) -> (k, n + 1)."""
        rows = positions if self.rows is None else self.rows[positions]
        stored = super().take(positions) if self.examples is None else self.examples.take(positions)
        if stored.dtype == torch.uint8 and int(self.labels.max()) > 255:
            stored = stored.to(torch.int64)
        return torch.cat([stored, self.labels[rows, None].to(stored)], 1)


@dataclass(frozen=True)
class StackedPreparation(Preparation):
    """Data are prepared for the bottom layer, then sampled up through the layers below.

    Attributes
    ----------
    bottom : Preparation
        What is done to the data.
    below : tuple of RBM
        The layers below, from the bottom up.
    classes : int
        The number of labels, whose class the last column then holds; 0 for none.
    """

    bottom: Preparation = field(default_factory=Preparation)
    below: tuple[RBM, ...] = ()
    classes: int = 0

    @torch.no_grad()
    def prepare(self, stored: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return sampled states for stored values: (cases, n) -> (cases, m), with labels beside them if it has any."""
        values = stored[:, :-1].contiguous() if self.classes else stored
        states = self.bottom.prepare(values, generator)
        for rbm in self.below:
            states = rbm.to(states.device).sample_hidden_given_visible(states, generator)
        return with_labels(states, stored[:, -1], self.classes) if self.classes else states

    def describe(self) -> str:
        """Say in half a sentence what is done."""
        layers = f"{len(self.below)} layer{'s' if len(self.below) > 1 else ''}"
        return f"{self.bottom.describe()}, and the {layers} below sampled its states anew in every epoch"


def layer_materials(
    data: Materials, below: tuple[RBM, ...], settings: Settings, labels: Tensor | None = None
) -> Materials:
    """Return what the next layer trains on.

    Parameters
    ----------
    data : Materials
        What the bottom layer trained on.
    below : tuple of RBM
        The layers that have been trained, from the bottom up; none for labels beside the data themselves.
    settings : Settings
        Of the layer: ``visible`` is the family of the hidden units below, or ``labelled:k``.
    labels : Tensor of int64, shape (N,), optional
        The class of every row of the table that the training examples come from.
    """
    classes = 0 if labels is None else int(settings.visible.partition(":")[2])
    if choose_device(settings.device).type == "cpu":
        below = tuple(packed_if_faster(rbm) for rbm in below)
    preparation = StackedPreparation(bottom=data.preparation, below=below, classes=classes)
    train = data.train if labels is None else _labelled(data.train, labels)
    validation = data.validation
    if labels is not None and validation is not None:
        if validation.values is not data.train.values:
            raise InputError("a validation file has no labels: give --validation a fraction when learning labels")
        validation = _labelled(validation, labels)
    found = _surveyed(train, preparation)
    states = make_units(settings.visible, len(found.mean)).unit_states()
    return Materials(
        train,
        validation,
        preparation,
        found,
        None,
        *monitored_examples(train, validation, preparation, settings.seed),
        held_out_examples(train if validation is None else validation, preparation, settings.seed, states),
    )


def _labelled(cases: Cases, labels: Tensor) -> LabelledCases:
    return LabelledCases(cases.values, cases.rows, labels, cases if isinstance(cases, DistortedCases) else None)


@torch.no_grad()
def _surveyed(cases: Cases, preparation: StackedPreparation) -> Survey:
    """Return the moments of what a layer will see, from one sample of every example."""
    generator, count = torch.Generator().manual_seed(0), 0
    sums = squares = torch.zeros((), dtype=torch.float64)
    smallest, largest = torch.tensor(torch.inf), torch.tensor(-torch.inf)
    for _, stored in cases.chunks():
        states = preparation.prepare(stored, generator)
        sums, squares = sums + states.double().sum(0), squares + states.double().square().sum(0)
        smallest, largest = torch.minimum(smallest, states.amin(0)), torch.maximum(largest, states.amax(0))
        count += len(states)
    mean = sums / count
    binary = bool(((smallest == 0) | (smallest == 1)).all() and ((largest == 0) | (largest == 1)).all())
    return Survey(count, mean, squares / count - mean.square(), (largest - smallest).double(), binary)


def labels_of(dataset: Dataset) -> tuple[Tensor, int]:
    """Return the class of every training example, and the number of classes.

    Raises
    ------
    InputError
        When the set has no labels, fewer or more of them than examples, or they are no class numbers.
    """
    labels = dataset.train_labels
    if labels is None:
        raise InputError(
            f"{dataset.name} has no labels: leave out --labels, or give an .npz with arrays x and y, y whole numbers"
        )
    if len(labels) != len(dataset.train.values):
        raise InputError(f"{dataset.name} has {len(labels)} labels for {len(dataset.train.values)} examples")
    if labels.dtype.is_floating_point or int(labels.min()) < 0:
        raise InputError(f"the labels of {dataset.name} must be whole numbers from 0: number the classes")
    classes = int(labels.max()) + 1
    if not 2 <= classes <= MOST_CLASSES:
        raise InputError(f"{dataset.name} has {classes} classes, but labels take from 2 to {MOST_CLASSES}")
    return labels, classes
