"""Words for whoever is at the terminal, which may be closed, full or gone: nothing ends because nobody hears it."""

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from typing import Any, TextIO

__all__ = ["Unheeded", "counted", "open_streams", "printable", "show", "show_state", "silence", "tell"]

# Characters that steer a terminal, or turn a line round, instead of being seen.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""Return `text` on one line, with escapes in place of characters that a terminal would obey.

    Examples
    --------
    >>> printable("clip\x1b[2J\n.wav")
    'clip\\x1b[2J\\n.wav'
    """
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 round``, ``2 rounds``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def tell(*lines: str, stream: TextIO | None = None) -> None:
    """Print lines, on stdout unless a stream is given; if that fails, whatever else goes there is dropped too."""
    unheeded = Unheeded(stream or sys.stdout)
    for line in lines:
        unheeded.write(printable(line) + "\n")
    unheeded.flush()


def show(*lines: str) -> None:
    """Print the lines that a command was asked for, on stdout; that they cannot be written is an OSError."""
    for line in lines:
        print(printable(line))


def show_state(text: str) -> None:
    """Show on stderr, if it is a terminal, what is being done, in place of what was shown before; nothing ends it."""
    if sys.stderr.isatty():
        unheeded = Unheeded(sys.stderr)
        unheeded.write(f"\r\033[K{printable(text)}")
        unheeded.flush()


class Unheeded:
    """A text stream whose failures do not matter.

    Parameters
    ----------
    stream : text stream
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text if that is possible."""
        with _no_failure(self._stream):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Have everything written if that is possible."""
        with _no_failure(self._stream):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def silence(stream: TextIO) -> None:
    """Let what is still printed on a stream go nowhere: what waits in its buffer would fail once more at exit."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def open_streams() -> None:
    """Give a process that was started with closed standard streams some that lead nowhere.

    Otherwise the next file that is opened would get a standard stream's number, and what a library prints would
    be written into it.  Names that are no valid text are shown with escapes from here on.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    # They are the program's own until it ends.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def _no_failure(stream: TextIO) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError):
        silence(stream)
