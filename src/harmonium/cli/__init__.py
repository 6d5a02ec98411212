"""The command line: parse, call the library, print. Everything here is as short in Python."""

from harmonium.cli import exchange, stack, train, using
from harmonium.cli.main import main

__all__ = ["exchange", "main", "stack", "train", "using"]
