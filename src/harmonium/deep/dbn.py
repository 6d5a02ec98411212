"""The deep belief network: an RBM on top, and below it layers that each generate the next one down."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from harmonium.deep.labels import given_label, unlabelled
from harmonium.errors import InputError
from harmonium.rbm import RBM
from harmonium.sampling import dream, gibbs
from harmonium.units import Units
from harmonium.units.labelled import classes_of


class DeepDreams(NamedTuple):
    """Samples from P(v) of a stack.

    Attributes
    ----------
    visible : Tensor, shape (count, n)
        The sampled states.
    mean : Tensor, shape (count, n)
        E[v | x_1]: smoother to look at.
    top : Tensor, shape (count, k)
        The states from which they were generated: of the top's visible units, labels left out.
    """

    visible: Tensor
    mean: Tensor
    top: Tensor


class DBN:
    r"""A deep belief network: x_0 = v, x_1, ..., x_L, the two highest layers joined by an RBM.

        P(x_0, ..., x_L) = P(x_0 | x_1) ... P(x_{L-2} | x_{L-1}) P_top(x_{L-1}, x_L)
        Q(x_1, ..., x_{L-1} | x_0) = Q(x_1 | x_0) ... Q(x_{L-1} | x_{L-2})

    Each P(x_k | x_{k+1}) is the downward conditional distribution of an RBM, each Q(x_{k+1} | x_k) the upward one: of
    the same RBM after greedy learning, of another one after fine-tuning both.

    Parameters
    ----------
    layers : sequence of RBM
        From the bottom to the top. The hidden units of each are the visible ones of the next; the visible units of the
        top may have labels beside these (`harmonium.units.Labelled`).
    recognition : sequence of RBM, optional
        What goes up below the top, where it is not what goes down.

    Attributes
    ----------
    layers, recognition : tuple of RBM

    Raises
    ------
    InputError
        When layers do not fit each other: names them.

    Notes
    -----
    Source: Hinton, Osindero & Teh 2006, "A fast learning algorithm for deep belief nets".

    Examples
    --------
    >>> from harmonium.units import Bernoulli
    >>> dbn = DBN([RBM(Bernoulli(6), Bernoulli(4)), RBM(Bernoulli(4), Bernoulli(3))])
    >>> dbn.sizes
    [6, 4, 3]
    """

    def __init__(self, layers: Sequence[RBM], recognition: Sequence[RBM] | None = None) -> None:
        if len(layers) == 0:
            raise InputError("a stack needs at least one layer")
        for number, (below, above) in enumerate(pairwise(layers), 1):
            check_fit(below.hidden, above.visible, number, is_top=number + 1 == len(layers))
        self.layers = tuple(layers)
        self.recognition = self.layers[:-1] if recognition is None else tuple(recognition)
        if [up.weights.shape for up in self.recognition] != [down.weights.shape for down in self.layers[:-1]]:
            raise InputError("what goes up must have the shapes of what goes down, layer by layer")

    def __repr__(self) -> str:
        labels = f", {self.classes} labels" if self.classes else ""
        return f"DBN({'-'.join(map(str, self.sizes))}{labels})"

    @property
    def top(self) -> RBM:
        """The RBM on top."""
        return self.layers[-1]

    @property
    def visible(self) -> Units:
        """The units of the data, labels left out."""
        return unlabelled(self.layers[0]).visible

    @property
    def classes(self) -> int:
        """The number of labels in the top RBM; 0 where it learned none."""
        return classes_of(self.top.visible)

    @property
    def sizes(self) -> list[int]:
        """The numbers of units from the data up, labels left out."""
        below = [rbm.visible.size for rbm in self.layers]
        return [*below[:-1], below[-1] - self.classes, self.top.hidden.size]

    @property
    def tied(self) -> bool:
        """Whether what goes up is what goes down."""
        return all(up is down for up, down in zip(self.recognition, self.layers, strict=False))

    def untied(self) -> DBN:
        """Return a copy in which what goes up has parameters of its own."""
        return DBN([copy.deepcopy(rbm) for rbm in self.layers], [copy.deepcopy(rbm) for rbm in self.recognition])

    @torch.no_grad()
    def ascend(self, visible: Tensor, generator: torch.Generator | None = None) -> list[Tensor]:
        """Sample each layer given the one below, up to the top's visible units: (cases, n) -> [x_0, ..., x_{L-1}]."""
        states = [visible]
        for rbm in self.recognition:
            states.append(rbm.sample_hidden_given_visible(states[-1], generator))
        return states

    @torch.no_grad()
    def mean_up(self, visible: Tensor) -> list[Tensor]:
        """Return the means of all layers, each from those below as if these were states: [x_0, ..., x_L].

        Where the top has labels, its hidden units are told none.
        """
        means = [visible]
        for rbm in (*self.recognition, unlabelled(self.top)):
            means.append(rbm.mean_hidden_given_visible(means[-1]))
        return means

    @torch.no_grad()
    def descend(self, states: Tensor, generator: torch.Generator | None = None, layer: int = -1) -> DeepDreams:
        """Generate v in one ancestral pass down from the visible states of a layer, of the top by default."""
        mean = sampled = states
        for rbm in self.layers[:layer][::-1]:
            field = rbm.visible_field(sampled)
            mean, sampled = rbm.visible.mean(field), rbm.visible.sample(field, generator)
        return DeepDreams(sampled, mean, states)

    @torch.no_grad()
    def dream(
        self, count: int, steps: int, generator: torch.Generator | None = None, label: int | None = None
    ) -> DeepDreams:
        """Sample P(v), or P(v | label): Gibbs steps in the top RBM from noise, then one ancestral pass down.

        Parameters
        ----------
        count : int
            The number of chains, and so of dreams.
        steps : int
            Gibbs steps of each, at least 1.
        generator : torch.Generator, optional
            The source of randomness.
        label : int, optional
            The class to dream of: its label is held on throughout.

        Raises
        ------
        InputError
            When the stack has no labels or none of that number, or there is less than one step.

        Notes
        -----
        Source: Hinton, Osindero & Teh 2006, section 6.
        """
        top = self.top if label is None else given_label(self.top, label)
        found = dream(top, gibbs.init_from_noise(top, count, generator), steps, generator)
        width = self.sizes[-2]
        made = self.descend(found.visible[:, :width], generator)
        return made if len(self.layers) > 1 else DeepDreams(made.visible, found.mean[:, :width], made.top)


def check_fit(below: Units, above: Units, number: int, is_top: bool) -> None:
    """Raise `InputError` if the hidden units of layer `number`, from 1, are not the visible ones of the next."""
    classes = classes_of(above)
    if classes and not is_top:
        raise InputError(f"layer {number + 1} has labels, but only the highest layer can have them")
    size, family = above.size - classes, "bernoulli" if classes else above.family
    if (below.size, below.family) != (size, family):
        raise InputError(
            f"layer {number} has {below.size} {below.family} hidden units, but layer {number + 1} has {size} {family} "
            "visible ones: the layers do not fit"
        )
