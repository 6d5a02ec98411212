"""Stacks of RBMs: deep belief networks, and the classifiers that they become."""

from harmonium.deep.bound import bound_and_estimate, log_weights
from harmonium.deep.dbn import DBN, DeepDreams
from harmonium.deep.files import StackFile, read_stack, save_stack
from harmonium.deep.greedy import Stacking, resume_stack, start_stack
from harmonium.deep.labels import given_label, label_energies, unlabelled, with_labels
from harmonium.deep.run import StackRun

__all__ = [
    "DBN",
    "DeepDreams",
    "StackFile",
    "StackRun",
    "Stacking",
    "bound_and_estimate",
    "given_label",
    "label_energies",
    "log_weights",
    "read_stack",
    "resume_stack",
    "save_stack",
    "start_stack",
    "unlabelled",
    "with_labels",
]
