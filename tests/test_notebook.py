"""Models in Jupyter."""

import subprocess
import sys

import pytest
from rich.console import Console

from harmonium.notebook import show_models
from harmonium.progress import is_watched
from models import small_rbm

InteractiveShell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell


def test_a_model_that_ends_a_cell_shows_its_filters():
    shell = InteractiveShell()
    assert show_models(shell)
    data, _ = shell.display_formatter.format(small_rbm(n=16, m=3))
    assert "16 bernoulli visible and 3 bernoulli hidden units" in data["text/html"]
    assert 'src="data:image/png;base64,' in data["text/html"]
    data, _ = shell.display_formatter.format(small_rbm(n=5, m=3))
    assert "<img" not in data["text/html"]  # 5 units are no picture


def test_the_progress_bar_is_shown_where_it_is_seen(monkeypatch):
    console = Console(force_jupyter=True)
    for there, seen in ((None, False), ("ipywidgets", True)):
        monkeypatch.setattr("importlib.util.find_spec", lambda name, there=there: there)
        assert is_watched(console) == seen
    assert not is_watched(Console(force_jupyter=False))  # the output of tests is no terminal


def test_without_ipython_nothing_is_registered():
    code = "import sys, harmonium; print('harmonium.notebook' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_in_ipython_importing_the_package_is_enough():
    code = (
        "from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell.instance();"
        "import harmonium;"
        "from harmonium.units import Bernoulli; rbm = harmonium.RBM(Bernoulli(9), Bernoulli(2));"
        "print('data:image/png' in shell.display_formatter.format(rbm)[0]['text/html'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"]
