"""Where the command starts."""

from __future__ import annotations

import sys

import typer

from harmonium.cli.app import app
from harmonium.errors import HarmoniumError


def main() -> None:
    """Run the command; an error of the library is one sentence on stderr and exit code 2."""
    try:
        app()
    except HarmoniumError as error:
        typer.echo(f"harmonium: {error}", err=True)
        sys.exit(2)
