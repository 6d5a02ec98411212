"""Labels spread along the graph of neighbours, and nowhere else."""

import numpy as np
import torch
from sklearn.datasets import load_digits

from harmonium.deep import spread_labels, spreading


def test_it_is_the_fixed_point_of_its_equation(monkeypatch):
    """F = (1 - alpha) (1 - alpha S)^-1 Y, with the columns scaled, on a graph that is written out densely."""
    monkeypatch.setattr(spreading, "NEIGHBOURS", 3)
    monkeypatch.setattr(spreading, "ALPHA", 0.8)
    points = torch.randn(60, 2, generator=torch.Generator().manual_seed(3))
    rows, labels = torch.tensor([5, 17, 30, 44, 2]), torch.tensor([0, 1, 1, 2, 2])
    distance = torch.cdist(points, points).fill_diagonal_(np.inf)
    graph = torch.zeros(60, 60).scatter(1, distance.topk(3, largest=False).indices, 1.0)
    graph = torch.maximum(graph, graph.T).double()
    smooth = graph / (graph.sum(0).outer(graph.sum(1))).sqrt()
    given = torch.zeros(60, 3, dtype=torch.float64)
    given[rows, labels] = 1
    found = torch.linalg.solve(torch.eye(60) - 0.8 * smooth, given)
    found *= given.mean(0) / found.mean(0)
    expected = torch.where((found > 1e-9).any(1), found.argmax(1), -1)
    expected[rows] = labels
    assert torch.equal(spread_labels(points, rows, labels, 3), expected)


def test_what_no_label_reaches_is_not_guessed():
    generator = torch.Generator().manual_seed(0)
    islands = torch.cat([torch.randn(30, 2, generator=generator) + 100 * k for k in range(3)])
    found = spread_labels(islands, torch.tensor([0, 30]), torch.tensor([1, 0]), 2)
    assert found.tolist() == [1] * 30 + [0] * 30 + [-1] * 30


def test_ten_labels_go_far_on_digits():
    images, classes = (torch.from_numpy(array) for array in load_digits(return_X_y=True))
    rows = torch.stack([(classes == k).nonzero()[0, 0] for k in range(10)])
    found = spread_labels(images, rows, classes[rows], 10)
    assert torch.equal(found[rows], classes[rows])
    assert (found == classes).double().mean() > 0.85
