"""The errors that harmonium raises on purpose: each message is one sentence that names the place and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HarmoniumError(Exception):
    """Any error that harmonium raises on purpose; its message is meant for the person at the keyboard."""


class InputError(HarmoniumError, ValueError):
    """What was given cannot be used: data, a setting, a name or a file."""


class StorageError(HarmoniumError, OSError):
    """A file could not be written; what was there before is still whole."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> InputError:
    """Return the error for a `name` that is none of the `known` ones: it lists them and points at the nearest.

    Parameters
    ----------
    kind : str
        What the name should have named, for example ``"method"``.
    name : str
        What was given.
    known : iterable of str
        The names that exist.
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return InputError(f"unknown {kind} {name!r}: choose one of {', '.join(names)}{hint}")
