"""Fetching a file from the first mirror that gives it whole."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

from harmonium.data.idx import read_bytes
from harmonium.errors import InputError


def user_cache() -> Path:
    """Return the folder where downloads are kept: ``HARMONIUM_CACHE`` if set, else the platform's own place."""
    import pooch

    return Path(os.environ.get("HARMONIUM_CACHE") or pooch.os_cache("harmonium"))


def verified_bytes(path: Path, sha256: str) -> bytes:
    """Return the uncompressed bytes of a file if their SHA-256 is the expected one.

    The hash is of the content and not of the .gz around it, since the same data travel in several compressions.

    Raises
    ------
    InputError
        When the file is cut short, altered or another one.
    """
    content = read_bytes(path)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise InputError(
            f"{path} is altered or cut short: the SHA-256 of its content begins {found[:12]}, but should begin "
            f"{sha256[:12]}; delete it and fetch it again"
        )
    return content


def download(mirrors: tuple[str, ...], name: str, sha256: str, folder: Path) -> Path:
    """Fetch ``mirror + name`` into `folder` from the first mirror whose file has the right content.

    Parameters
    ----------
    mirrors : tuple of str
        Addresses that end in a slash, tried in turn.
    name : str
        The file's name.
    sha256 : str
        The SHA-256 of its uncompressed content.
    folder : Path
        Where it is kept; made if missing.

    Raises
    ------
    InputError
        When no mirror gives it: says why each failed and where a copy may be put by hand.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel(logging.ERROR)  # it would advise on its own arguments
    reasons = []
    for mirror in mirrors:
        path = folder / name
        try:
            pooch.retrieve(mirror + name, known_hash=None, fname=name, path=folder)
            verified_bytes(path, sha256)
            return path
        except InputError as error:
            path.unlink(missing_ok=True)
            reasons.append(f"{mirror} gave a file that {str(error).split(' is ', 1)[-1].split(':', maxsplit=1)[0]}")
        except (requests.RequestException, OSError, ValueError) as error:
            reasons.append(f"{mirror}: {type(error).__name__}")
    raise InputError(
        f"cannot download {name} ({'; '.join(reasons)}): put the file into {folder}, or into a folder named by "
        "--data-dir or HARMONIUM_DATA"
    )
