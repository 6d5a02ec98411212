"""Ctrl-C that lets the current update finish."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def finishing_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Within the block, note a Ctrl-C (SIGINT) or SIGTERM instead of stopping at once.

    Yields
    ------
    callable
        Returns whether a signal has come. A second Ctrl-C interrupts at once, as usual.
    """
    came = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        if came and number == signal.SIGINT:
            raise KeyboardInterrupt
        came = True

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
