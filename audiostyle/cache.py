"""The folders for what can be made again: compiled functions, kernels, links.

What lies in them is executed and unpickled, so nobody else may have put it there: each folder is made for this user
alone, and then looked at.
"""

import contextlib
import fcntl
import functools
import itertools
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from audiostyle.errors import InputError, RunError

__all__ = ["cache_folder", "private_temporary_folder", "use_private_numba_cache"]


def cache_folder(name: str = "") -> Path:
    """Return a folder of this user alone for what can be made again, such as compiled functions.

    In ``$XDG_CACHE_HOME/audiostyle`` or ``~/.cache/audiostyle``; where neither will do (a read-only container,
    another user's folder), in the system's temporary folder.

    Parameters
    ----------
    name : str
        Of a folder in it, made alike.

    Raises
    ------
    RunError
        If none of them will do.
    """
    said = []
    for folder in _candidates():
        reason = _unfit(folder) or (_unfit(folder / name) if name else "")
        if not reason:
            return folder / name
        said.append(f"{folder} {reason}")
    raise RunError(
        f"There is no folder for compiled functions: {'; '.join(said)}. What lies there is executed, so it must be "
        "yours alone; correct one of them, or name a folder of yours in XDG_CACHE_HOME."
    )


def private_temporary_folder() -> Path:
    """Return this user's folder in the system's temporary folder; made, and looked at.

    Raises
    ------
    RunError
        If it cannot be used.
    """
    folder = Path(tempfile.gettempdir()) / f"audiostyle-{os.geteuid()}"
    if reason := _unfit(folder):
        raise RunError(f"{folder} {reason}; remove it, or name another temporary folder in TMPDIR.")
    return folder


def use_private_numba_cache() -> None:
    """Let numba, whose compiled functions are pickles, keep them in a folder of this user and this process alone.

    Two processes that compile at once write to one index: the code of one function then stands there under the name
    of another, and every later process that calls it dies.  What a process leaves behind serves a later one.

    Raises
    ------
    InputError
        If the user's ``NUMBA_CACHE_DIR`` can be written by others.
    """
    asked = os.environ.get("NUMBA_CACHE_DIR")
    with contextlib.suppress(RunError):  # numba looks for a place itself, and not every command needs one
        folder = cache_folder("numba")
        if not asked or Path(asked).parent == folder:  # ours, or that of the process that started this one
            os.environ["NUMBA_CACHE_DIR"] = str(_claimed(folder, os.getpid()))
            return
    if asked and (reason := _unfit(Path(asked))):
        raise InputError(f"NUMBA_CACHE_DIR, {asked}, {reason}; name another folder, or unset it.")


@functools.cache
def _claimed(folder: Path, process: int) -> Path:
    """Return the first folder ``0``, ``1``, ... in a folder that no other process has; it is this one's until its end.

    `process` is this one's number: a fork is another process.
    """
    for number in itertools.count():
        place = folder / str(number)
        if reason := _unfit(place):
            raise RunError(f"{place} {reason}")
        try:
            # Never closed: the lock goes with the process.
            descriptor = os.open(place / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        except OSError:
            pass  # a file system without locks
        return place
    raise AssertionError


def _candidates() -> Iterator[Path]:
    home = os.environ.get("XDG_CACHE_HOME", "")
    # As the XDG specification has it, what is no absolute path is not followed.
    yield Path(home if os.path.isabs(home) else os.path.expanduser("~/.cache")) / "audiostyle"
    yield Path(tempfile.gettempdir()) / f"audiostyle-{os.geteuid()}"


def _unfit(folder: Path) -> str:
    """Make a folder for this user alone; return what is wrong with it, or nothing."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        found, parent = folder.lstat(), folder.parent.stat()
        if stat.S_ISLNK(found.st_mode):
            return "is a link"
        if not stat.S_ISDIR(found.st_mode):
            return "is no folder"
        if found.st_uid != os.geteuid():
            return "belongs to another user"
        if found.st_mode & 0o022:
            return "can be written by others"
        if parent.st_mode & 0o002 and not parent.st_mode & stat.S_ISVTX:
            return "could be replaced by others, who can write to the folder it is in"
        if found.st_mode & 0o077:
            folder.chmod(0o700)  # made by an earlier version; what is in it may be open to the group
    except OSError as error:
        return f"cannot be made ({error.strerror})"
    return "" if os.access(folder, os.W_OK | os.X_OK) else "cannot be written"
