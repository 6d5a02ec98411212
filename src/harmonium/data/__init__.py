"""Data sets, by name or from files, and the batches that training takes from them."""

from harmonium.data.batches import Batches
from harmonium.data.cases import Cases
from harmonium.data.catalogue import NAMES, load
from harmonium.data.dataset import Dataset
from harmonium.data.distortion import Distortion, distorted
from harmonium.data.preparation import Preparation
from harmonium.data.survey import Survey, survey

__all__ = ["NAMES", "Batches", "Cases", "Dataset", "Distortion", "Preparation", "Survey", "distorted", "load", "survey"]
