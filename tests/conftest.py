import os
import sys
from pathlib import Path

import pytest
import torch


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(20261124)


@pytest.fixture
def mnist_folder():
    """The folder of the real MNIST; a test that needs it skips without it."""
    folder = os.environ.get("HARMONIUM_DATA")
    if not folder or not (Path(folder) / "mnist").is_dir():
        pytest.skip("needs the full MNIST: set HARMONIUM_DATA to the folder that holds mnist/")
    return Path(folder)


@pytest.fixture(autouse=True)
def private_cache(tmp_path, monkeypatch):
    """No test touches the user's cache."""
    monkeypatch.setenv("HARMONIUM_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def shorter_estimates(monkeypatch):
    """Live likelihoods of fewer temperatures: most tests train and do not look at them; those that do say how many."""
    from harmonium.training import live

    monkeypatch.setattr(live, "TEMPERATURES", 50)
    monkeypatch.setattr(live, "LAST", 50)


@pytest.fixture
def command(monkeypatch, capsys):
    """Run the command; returns (exit code, stdout, stderr)."""

    from harmonium.cli import main

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["harmonium", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return stopped.value.code or 0, captured.out, captured.err

    return run


@pytest.fixture(params=[False, True])
def tiles(request, monkeypatch):
    """Whether products are made in matrix registers; once as where the processor has none."""
    from harmonium import packed
    from harmonium.kernels import backend, tiled

    if request.param and not backend.has_tiles():
        pytest.skip("the processor has no matrix registers")
    for place in (packed, tiled):
        monkeypatch.setattr(place, "has_tiles", lambda: request.param)
    return request.param
