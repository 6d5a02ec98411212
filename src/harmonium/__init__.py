"""Restricted Boltzmann machines and the deep models made of them.

    >>> from harmonium import RBM
    >>> from harmonium.units import Bernoulli
    >>> rbm = RBM(Bernoulli(784), Bernoulli(500))

The names below are loaded when they are first used, so that importing the package, and the command's ``--help``, do
not wait for torch.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harmonium.io import load_model, save_model
    from harmonium.rbm import RBM

__version__ = "0.1.0"
__all__ = ["RBM", "__version__", "load_model", "save_model"]

_HOME = {"RBM": "harmonium.rbm", "load_model": "harmonium.io", "save_model": "harmonium.io"}


def __getattr__(name: str) -> Any:
    """Load a public name from the module that defines it."""
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'harmonium' has no attribute {name!r}")


if "IPython" in sys.modules:  # then a model that ends a cell shows its filters
    from harmonium.notebook import show_models

    show_models()
