"""Stacks of RBMs: deep belief networks, and the classifiers that they become."""

from harmonium.deep.bound import bound_and_estimate, log_weights
from harmonium.deep.classifier import to_torch
from harmonium.deep.dbn import DBN, DeepDreams
from harmonium.deep.files import StackFile, read_stack, save_stack
from harmonium.deep.greedy import Stacking, fitting, greedy_layers, resume_stack, start_stack
from harmonium.deep.labels import given_label, label_energies, unlabelled, with_labels
from harmonium.deep.run import StackRun
from harmonium.deep.spreading import spread_labels

__all__ = [
    "DBN",
    "DeepDreams",
    "StackFile",
    "StackRun",
    "Stacking",
    "bound_and_estimate",
    "fitting",
    "given_label",
    "greedy_layers",
    "label_energies",
    "log_weights",
    "read_stack",
    "resume_stack",
    "save_stack",
    "spread_labels",
    "start_stack",
    "to_torch",
    "unlabelled",
    "with_labels",
]
