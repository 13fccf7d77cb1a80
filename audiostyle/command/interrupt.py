"""Ctrl-C and SIGTERM: during a descent the first one lets the run end well, the second ends it at once."""

import contextlib
import signal
from collections.abc import Iterator
from typing import Any

from audiostyle.errors import Interrupted
from audiostyle.run.descent import Interruption

__all__ = ["graceful_signals"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def graceful_signals() -> Iterator[Interruption]:
    """Turn SIGINT and SIGTERM into a wish while there is something to save, else into Interrupted.

    Files are written beside their place and renamed, so that an exception at any moment leaves
    whole files only.

    Yields
    ------
    Interruption
        Its ``signal`` is set by the first signal that comes while it is ``patient``.
    """
    interruption = Interruption()

    def handle(number: int, frame: Any) -> None:
        if interruption.signal or not interruption.patient:
            raise Interrupted(number)
        interruption.signal = number

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
