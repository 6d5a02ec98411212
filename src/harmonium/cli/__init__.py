"""The command line: parse, call the library, print. Everything here is as short in Python."""

from harmonium.cli import stack, train, using
from harmonium.cli.main import main

__all__ = ["main", "stack", "train", "using"]
