"""Training: settings, the loop, and the folder that keeps a run."""

from harmonium.training.beginning import start
from harmonium.training.loop import train
from harmonium.training.materials import Materials, materials
from harmonium.training.recipes import RECIPES, recipe
from harmonium.training.record import Record
from harmonium.training.run import Run, open_model, resume_run, start_run
from harmonium.training.settings import Settings
from harmonium.training.state import TrainingState

__all__ = [
    "RECIPES",
    "Materials",
    "Record",
    "Run",
    "Settings",
    "TrainingState",
    "materials",
    "open_model",
    "recipe",
    "resume_run",
    "start",
    "start_run",
    "train",
]
