"""The unit families by name."""

from __future__ import annotations

from harmonium.errors import unknown_name
from harmonium.units.base import Units
from harmonium.units.bernoulli import Bernoulli
from harmonium.units.gaussian import Gaussian
from harmonium.units.labelled import Labelled

FAMILIES: dict[str, type[Units]] = {family.family: family for family in (Bernoulli, Gaussian)}
"""Those that a person chooses; `labelled:10`, binary units and ten labels, comes with a stack that learns labels."""


def make_units(family: str, size: int) -> Units:
    """Return a layer of `size` units of the family of that name; ``labelled:k`` has k labels among them.

    Raises
    ------
    InputError
        When no family has that name, or the size is not a whole number of at least 1.
    """
    name, _, classes = family.partition(":")
    if name == "labelled" and classes.isdecimal():
        return Labelled(size, int(classes))
    if family not in FAMILIES:
        raise unknown_name("unit family", family, FAMILIES)
    return FAMILIES[family](size)
