"""The command itself, and what its commands share."""

from __future__ import annotations

import json
from collections.abc import Callable
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


def was_given(context: typer.Context, name: str) -> bool:
    """Whether an option was typed, and is not a default or from the environment."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def is_stack(path: Path) -> bool:
    """Whether a folder is that of a stack; asked before torch is imported."""
    try:
        return bool(json.loads((path / "config.json").read_text(encoding="utf-8"))["kind"] == "dbn")
    except (OSError, ValueError, TypeError, KeyError):
        return False


def logger(folder: Path | None) -> Callable[[Any], None]:
    """Return what takes the records of training: TensorBoard in that folder, or nobody."""
    if folder is None:
        return lambda record: None
    from harmonium.tensorboard import TensorBoard

    return TensorBoard(folder)


def settings_of(context: typer.Context, name: str, **given: Any) -> Any:
    """Return the settings of the recipe of that name, with those given and the options typed in place of its own."""
    from harmonium.training import Settings
    from harmonium.training import recipe as of_recipe

    typed = {key: context.params[key] for key in Settings.__dataclass_fields__ if was_given(context, key)}
    return of_recipe(name, **(typed | given))


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(f"harmonium {__version__}")
        raise typer.Exit()
