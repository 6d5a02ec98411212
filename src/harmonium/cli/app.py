"""The command itself, and what its commands share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from harmonium import __version__

# Nothing above imports torch, so that --help and shell completion answer at once.

app = typer.Typer(
    name="harmonium",
    help="Restricted Boltzmann machines: train them, look at what they learned, and let them dream.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, or a bare model file.")]
DataDir = Annotated[
    Path | None,
    typer.Option(help="Folder of mnist and fashion-mnist; else HARMONIUM_DATA, the cache or a download."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")]


def say(as_json: bool, facts: dict[str, Any], *lines: str) -> None:
    """Print the facts for a program, or the lines for a person."""
    typer.echo(json.dumps(facts) if as_json else "\n".join(lines))


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(f"harmonium {__version__}")
        raise typer.Exit()
