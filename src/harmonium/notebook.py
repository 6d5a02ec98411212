"""Models in Jupyter: a model that ends a cell shows its filters.

The package registers this when it is imported in IPython, by the name of the class, so that nothing is loaded before
a model is shown.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harmonium.rbm import RBM


def show_models(shell: Any = None) -> bool:
    """Tell IPython how to show an `RBM`; return whether there is one to tell.

    Parameters
    ----------
    shell : IPython.core.interactiveshell.InteractiveShell, optional
        By default the one that runs.
    """
    if shell is None:
        ipython = sys.modules.get("IPython")
        shell = None if ipython is None else ipython.get_ipython()
    if shell is None:
        return False
    shell.display_formatter.formatters["text/html"].for_type_by_name("harmonium.rbm", "RBM", _html)
    return True


def _html(rbm: RBM) -> str:
    from harmonium.pictures.html import html_of

    return html_of(rbm)
