"""Ctrl-C, SIGTERM and SIGHUP: during a descent the first one lets the run end well, the second ends it at once."""

import contextlib
import os
import signal
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any

from audiostyle.errors import Interrupted
from audiostyle.run.request import Interruption

__all__ = ["graceful_signals"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SECONDS = 0.2


@contextlib.contextmanager
def graceful_signals() -> Iterator[Interruption]:
    """Turn signals into a wish while there is something to save, else into Interrupted.

    Files are written beside their place and renamed, so that an exception at any moment leaves whole files only.
    A signal that the process was told to ignore, as ``nohup`` does, stays ignored.

    Yields
    ------
    Interruption
        Its ``signal`` is set by the first signal that comes while it is ``patient``.

    Notes
    -----
    A handler may run inside a finaliser, a weak reference's callback or a callback from C, where Python prints
    what is raised and drops it.  So a timer looks a moment later whether the exception is gone, and raises another.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    number_raised, raised = 0, None

    def interrupted(number: int) -> Interrupted:
        # Nothing else may refer to it, or it would outlive its being dropped.
        nonlocal number_raised, raised
        error = Interrupted(number)
        number_raised, raised = number, weakref.ref(error)
        signal.setitimer(signal.ITIMER_REAL, _SECONDS)
        return error

    def handle(number: int, frame: Any) -> None:
        if interruption.signal or not interruption.patient:
            raise interrupted(number)
        interruption.signal = number
        _tell_at_once(interruption.promise)

    def look_again(number: int, frame: Any) -> None:
        if raised is not None and raised() is None:
            raise interrupted(number_raised)
        signal.setitimer(signal.ITIMER_REAL, _SECONDS)

    def report_dropped(unraisable: Any) -> None:
        if not isinstance(unraisable.exc_value, Interrupted):
            hook_before(unraisable)

    heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heeded}
    before[signal.SIGALRM] = signal.signal(signal.SIGALRM, look_again)
    hook_before, sys.unraisablehook = sys.unraisablehook, report_dropped
    try:
        yield interruption
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = hook_before
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell_at_once(promise: str) -> None:
    """Say what happens next, by a call that may be made while a stream is being written to."""
    with contextlib.suppress(OSError):
        start = "\n" if os.isatty(2) else ""
        os.write(2, f"{start}audiostyle: {promise}; Ctrl-C once more ends the program at once.\n".encode())
