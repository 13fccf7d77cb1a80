"""Theano's folder of compiled functions: damage is mended, waiting for its lock is said, a dead lock is broken."""

import contextlib
import errno
import logging
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from audiostyle.errors import RunError, WriteFailed
from audiostyle.files import shown

__all__ = ["LockReporter", "disk_trouble", "drop_damaged_modules", "is_cold", "leave_quietly", "require_room"]

# Theano breaks another host's lock when it has not changed for as long (its flag compile.timeout); a living owner
# writes it anew twice as often.
_DEAD_AFTER = 120.0
_LITTLE_ROOM = 16 * 2**20  # what a module and its object files need at most


def is_cold(folder: str | Path) -> bool:
    """Say whether a folder of compiled functions, ``theano.config.compiledir``, has none of a network yet."""
    # What Theano itself needs is compiled when it is imported, into cutils_ext and lazylinker_ext.
    return not any(Path(folder).glob("tmp*/*.so"))


def drop_damaged_modules(base: Path) -> None:
    """Remove modules that are no programs (a power cut leaves empty ones), so that Theano compiles them again.

    Left to itself it takes an empty ``lazylinker_ext.so`` for a missing one, and then fails at every start:
    ``NameError: name 'CVM' is not defined`` (gof/vm.py:676).
    """
    for module in base.glob("compiledir_*/*/*.so"):
        with contextlib.suppress(OSError):
            with module.open("rb") as file:
                whole = file.read(4) == b"\x7fELF"
            if not whole:
                shutil.rmtree(module.parent)


def leave_quietly() -> None:
    """Let Theano's tidying at exit (gof/cmodule.py:1511) say nothing where its folder has gone meanwhile."""
    from theano.gof.cmodule import ModuleCache

    tidy = ModuleCache._on_atexit

    def tidy_what_is_there(cache: Any) -> None:
        with contextlib.suppress(OSError):
            tidy(cache)

    ModuleCache._on_atexit = tidy_what_is_there


def require_room(base: Path) -> None:
    """Raise RunError if the disk is full: Theano would say so in hundreds of lines, module by module."""
    existing = next(path for path in (base, *base.parents) if path.exists())
    if shutil.disk_usage(existing).free < _LITTLE_ROOM:
        raise WriteFailed(
            f"There is no room for compiled functions in {base}; free about 200 MiB, or name a folder on another disk "
            "in XDG_CACHE_HOME."
        )


def disk_trouble(error: BaseException, base: Path) -> str:
    """Return a sentence if an error comes of the cache's disk, which has become full or is gone; else nothing."""
    if getattr(error, "errno", 0) in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(error):
        try:
            require_room(base)
        except RunError as full:
            return str(full)
    theano = sys.modules.get("theano")
    if theano is not None and not Path(theano.config.compiledir).is_dir():
        return f"The folder of compiled functions, {base}, was removed while it was in use; start again."
    return ""


class LockReporter(logging.Handler):
    """Hears Theano wait for another process's lock, 5 to 10 s after it began: says so, or breaks a dead lock.

    Theano itself sees that a process of this host is dead; of one on another host (a container that was killed,
    a shared home) only the age of its lock tells, and Theano would wait 120 s more without a word.
    """

    @classmethod
    def listen(cls) -> None:
        """Hear the lock's logger, and let nobody else."""
        logger = logging.getLogger("theano.gof.compilelock")
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.addHandler(cls())

    def emit(self, record: logging.LogRecord) -> None:
        """Take Theano's second message, which names the folder (gof/compilelock.py)."""
        if not record.msg.startswith("To manually release the lock"):
            return
        folder = Path(str(record.args[0] if isinstance(record.args, tuple) else record.args))
        lock = folder / "lock"
        try:
            age = time.time() - lock.stat().st_mtime
            process, _, host = re.sub(r"[^\w.-]", "?", lock.read_text(errors="replace").strip()).split("_", 2)
        except OSError:
            return  # released in this moment
        except ValueError:
            process, host = "of an unknown number", "an unknown host"
        if age > _DEAD_AFTER:
            shutil.rmtree(folder, ignore_errors=True)
            return
        with contextlib.suppress(OSError, ValueError):  # nobody may be listening
            print(
                f"audiostyle: Waiting for process {process} on {host}, which compiles in the same cache, for at most "
                f"{_DEAD_AFTER:.0f} s; if it is no more, remove {shown(folder)}.",
                file=sys.stderr,
            )
