"""Unit families: one file for each choice of energy of a layer on its own."""

from harmonium.units.base import Units, case_mean
from harmonium.units.bernoulli import Bernoulli
from harmonium.units.families import FAMILIES, make_units
from harmonium.units.gaussian import Gaussian
from harmonium.units.labelled import Labelled

__all__ = ["FAMILIES", "Bernoulli", "Gaussian", "Labelled", "Units", "case_mean", "make_units"]
