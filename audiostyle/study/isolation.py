"""A function in a process of its own: the HDF5 library may crash, or never return, on a damaged file."""

import contextlib
import multiprocessing
import os
import resource
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import TypeVar

from audiostyle.errors import InputError
from audiostyle.files import shown

__all__ = ["isolated"]

Result = TypeVar("Result")

# Processor time for a start, and bytes of the files that are read in each further second: a tenth of
# what a slow machine does.
_SECONDS = 20
_BYTES_PER_SECOND = 2e6


def isolated(function: Callable[..., Result], paths: Sequence[str]) -> Result:
    """Return ``function(*paths)``, called in a child process that may die of it.

    Parameters
    ----------
    function : callable
        What it returns or raises must be picklable.
    paths : sequence of str
        The files it reads.

    Raises
    ------
    InputError
        If the child died, or used far more time than the files' size explains.
    """
    sizes = 0
    for path in paths:
        with contextlib.suppress(OSError, ValueError):
            sizes += os.stat(path).st_size
    limit = _SECONDS + int(sizes / _BYTES_PER_SECOND)
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_work, args=(sender, function, tuple(paths), limit), daemon=True)
    child.start()
    sender.close()
    try:
        result, error = receiver.recv()
    except EOFError:
        names = " and ".join(shown(path) for path in paths)
        raise InputError(f"Reading {names} crashes or does not end: one of them is damaged; make it again.") from None
    finally:
        child.kill()
        child.join()
    if error is not None:
        raise error
    return result


def _work(sender: Connection, function: Callable[..., Result], paths: tuple[str, ...], limit: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    try:
        sender.send((function(*paths), None))
    except Exception as error:
        sender.send((None, error))
    except KeyboardInterrupt:
        return  # the parent has heard of it too
