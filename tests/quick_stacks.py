"""Stacks that train in a second."""

from harmonium.training import recipe

QUICK = {"epochs": 4, "batch_size": 50, "chains": 20, "likelihood_share": 0.0, "patience": None}


def settings(*sizes, **given):
    """Return the settings of layers of these sizes."""
    return [recipe("pcd", hidden=size, **(QUICK | given)) for size in sizes]


def trained(stacking, stop_after=None):
    """Train until the stack stops; return the numbers of the layers that were trained."""
    numbers = []
    for number, run, state, data in stacking.layers():
        numbers.append(number)
        for _ in run.train(state, data, stop_after=stop_after):
            pass
    return numbers
