"""All states of a layer, and the side from which a model is best enumerated."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.errors import InputError
from harmonium.rbm import RBM
from harmonium.units import Units

MAX_STATES = 2**20
"""The largest number of states of a layer that is enumerated without being asked for more."""


def is_finite(units: Units) -> bool:
    """Whether the states of a layer are all combinations of finitely many states of its units."""
    return units.independent and units.unit_states() is not None


def count_states(units: Units) -> int:
    """Return the number of states of a layer of finite units."""
    states = units.unit_states()
    if states is None:
        raise InputError(f"{units.family} units have no finite state space, so their states cannot be enumerated")
    return int(len(states) ** units.size)


def too_many_states(units: Units) -> InputError:
    """Return the error for a layer with more states than are enumerated at once."""
    states = units.unit_states()
    base = 0 if states is None else len(states)
    return InputError(
        f"a layer of {units.size} {units.family} units has {base}^{units.size} states, more than the {MAX_STATES} that "
        "are enumerated at once: use a smaller layer, or an estimate"
    )


def check_count(units: Units) -> None:
    """Raise `InputError` if a finite layer has more states than are enumerated at once."""
    if count_states(units) > MAX_STATES:
        raise too_many_states(units)


def layer_states(units: Units, start: int = 0, stop: int | None = None) -> Tensor:
    """Return the states of a finite layer numbered `start` to `stop` (all of them by default), one a row.

    State number k has the digits of k in base q, the first unit the most significant, as in counting.

    Parameters
    ----------
    units : Units
        A layer of n units with q states each.
    start, stop : int
        Which of the q^n states.

    Returns
    -------
    Tensor, shape (stop - start, n)

    Raises
    ------
    InputError
        When the units have no finite state space, or more than `MAX_STATES` states are asked for at once.

    Examples
    --------
    >>> from harmonium.units import Bernoulli
    >>> layer_states(Bernoulli(2)).tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    total = count_states(units)
    stop = total if stop is None else min(stop, total)
    if stop - start > MAX_STATES or total > 2**62:
        raise too_many_states(units)
    states = units.unit_states()
    assert states is not None  # count_states has refused the others
    numbers = torch.arange(start, stop, device=states.device)[:, None]
    powers = len(states) ** torch.arange(units.size - 1, -1, -1, device=states.device)
    return states[numbers // powers % len(states)]


def enumerable_side(rbm: RBM) -> RBM:
    """Return the model, or its mirror, whichever has the smaller finite layer as its *visible* one.

    What is then computed for the visible layer of the result by enumeration is computed in as few terms as possible.

    Raises
    ------
    InputError
        When neither layer has a finite state space.
    """
    sides = [side for side in (rbm, rbm.mirror()) if is_finite(side.visible)]
    if not sides:
        raise InputError(
            f"neither the {rbm.visible.family} visible layer nor the {rbm.hidden.family} hidden layer has a finite "
            "state space, so the model cannot be enumerated"
        )
    return min(sides, key=lambda side: count_states(side.visible))
