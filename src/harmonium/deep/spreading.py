"""A few labels spread to all examples, from neighbour to neighbour."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

NEIGHBOURS, ALPHA, ROUNDS = 10, 0.99, 200
"""Neighbours of an example, the share that it takes over from them, and how often it does."""


def spread_labels(features: Tensor, rows: Tensor, labels: Tensor, classes: int) -> Tensor:
    r"""Guess the class of every example from the few whose class is known.

    Examples are joined to their nearest neighbours, by a symmetric graph A with degrees d, and scores of the classes
    flow along it, from Y, which holds a 1 for every known label:

        S_ij = A_ij / sqrt(d_i d_j),    F <- alpha S F + (1 - alpha) Y

    The class of an example is the one with the highest F_k after the columns of F have been scaled to the shares of the
    classes among the labels.

    Parameters
    ----------
    features : Tensor, shape (cases, n)
        What says who is near to whom: hidden means of a stack do so better than pixels.
    rows : Tensor of int64, shape (known,)
        The examples whose class is known.
    labels : Tensor of int64, shape (known,)
        Their classes; each of the classes at least once.
    classes : int

    Returns
    -------
    Tensor of int64, shape (cases,)
        The classes, those of `rows` as given; -1 for examples that no label reaches.

    Notes
    -----
    Time grows as the square of the cases, memory linearly. Sources: Zhou, Bousquet, Lal, Weston &
    Schoelkopf 2004, "Learning with local and global consistency", section 2; the shares, Zhu, Ghahramani & Lafferty
    2003, section 4; that a network learns from such labels, Iscen, Tolias, Avrithis & Chum 2019.
    """
    from sklearn.neighbors import kneighbors_graph  # takes a second, and only few labels need it

    graph = kneighbors_graph(features.float().numpy(), min(NEIGHBOURS, len(features) - 1))
    graph = graph.maximum(graph.T)
    scale = sparse.diags(1 / np.sqrt(np.asarray(graph.sum(1)).ravel()))
    smooth = (scale @ graph @ scale).tocsr()
    given = np.zeros((len(features), classes))
    given[rows.numpy(), labels.numpy()] = 1
    found = given
    for _ in range(ROUNDS):
        found = ALPHA * (smooth @ found) + (1 - ALPHA) * given
    found *= given.mean(0) / found.mean(0)
    guessed = torch.from_numpy(np.where(found.any(1), found.argmax(1), -1))
    guessed[rows] = labels
    return guessed
