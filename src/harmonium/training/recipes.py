"""Named sets of settings that have been tried."""

from __future__ import annotations

from typing import Any

from harmonium.errors import unknown_name
from harmonium.training.rates import UNBOUNDED
from harmonium.training.settings import Settings

_BEST: dict[str, Any] = {
    "method": None,
    "gradient": "centered",
    "chains": 500,
    "learning_rate": None,
    "momentum": 0.0,
    "weight_decay": 1e-4,
    "hidden_bias": 0.0,
    "schedule": "linear",
    "averaging": 0.999,
    "patience": 25,
    "decay_raises": 3,
    "epochs": None,
}

RECIPES: dict[str, tuple[str, dict[str, Any]]] = {
    "hinton2010": (
        "CD-1 as in Hinton's practical guide (2010): small batches, a constant rate, momentum, weight decay",
        {
            "method": "cd",
            "learning_rate": 0.01,
            "momentum": 0.5,
            "weight_decay": 3e-3,
            "hidden_bias": -1.0,
            "epochs": 10,
        },
    ),
    "pcd": (
        "persistent chains (Tieleman 2008) with a rate that falls to 0",
        {
            "method": "pcd",
            "chains": 100,
            "learning_rate": 0.05,
            "momentum": 0.0,
            "weight_decay": 1e-4,
            "hidden_bias": 0.0,
            "schedule": "linear",
            "epochs": 30,
        },
    ),
    "ptt": (
        "parallel trajectory tempering: for data in clusters, between which plain chains do not cross",
        _BEST | {"method": "ptt", "learning_rate": 0.1},
    ),
    "best": (
        "persistent chains (trajectory tempering in small models), the centred gradient, a large rate that falls to 0, "
        "averaged parameters; the validation log-likelihood says which model is kept, and the weight decay rises where "
        "it overfits",
        _BEST,
    ),
}
"""What each recipe is, in words and in settings."""


def recipe(name: str = "best", **given: Any) -> Settings:
    """Return the settings of a recipe, with those given in place of its own.

    Parameters
    ----------
    name : str
        One of `RECIPES`.
    **given
        Of `Settings`.

    Raises
    ------
    InputError
        When there is no such recipe, or a setting is out of range.

    Examples
    --------
    >>> recipe("pcd", hidden=20).schedule
    'linear'
    """
    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES)
    own = dict(RECIPES[name][1])
    families = given.get("visible", "bernoulli"), given.get("hidden_units", "bernoulli")
    if families != ("bernoulli", "bernoulli"):
        own["learning_rate"] = own["learning_rate"] and own["learning_rate"] * UNBOUNDED
        own["hidden_bias"] = own["hidden_bias"] if families[1] == "bernoulli" else 0.0
    if given.get("optimizer", "sgd") != "sgd":
        own["learning_rate"], own["momentum"] = None, None
    return Settings(**(own | given))
