"""Every benchmark still finds what it imports of the package, and every page's command its benchmark."""

import importlib
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted((ROOT / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_it_is_importable_and_says_how_it_is_called(script, monkeypatch):
    monkeypatch.syspath_prepend(str(script.parent))
    module = importlib.import_module(script.stem)
    sys.modules.pop(script.stem)
    assert f"python benchmarks/{script.name}" in module.__doc__
    assert callable(module.main)


def test_commands_in_the_pages_name_benchmarks_that_are_there():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("**/*.md")]
    named = {name for page in pages for name in re.findall(r"benchmarks/(\w+\.py)", page.read_text())}
    assert named
    assert named <= {script.name for script in SCRIPTS}
