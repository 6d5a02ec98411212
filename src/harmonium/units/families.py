"""The unit families by name."""

from __future__ import annotations

from harmonium.errors import unknown_name
from harmonium.units.base import Units
from harmonium.units.bernoulli import Bernoulli
from harmonium.units.gaussian import Gaussian

FAMILIES: dict[str, type[Units]] = {family.family: family for family in (Bernoulli, Gaussian)}


def make_units(family: str, size: int) -> Units:
    """Return a layer of `size` units of the family of that name.

    Raises
    ------
    InputError
        When no family has that name, or the size is not a whole number of at least 1.
    """
    if family not in FAMILIES:
        raise unknown_name("unit family", family, FAMILIES)
    return FAMILIES[family](size)
