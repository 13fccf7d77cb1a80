"""The folder for what can be made again: compiled functions, kernels, links."""

import os
import tempfile
from pathlib import Path

from audiostyle.errors import RunError

__all__ = ["cache_folder", "private_temporary_folder"]


def cache_folder() -> Path:
    """Return a writable folder for what can be made again, such as compiled functions.

    ``$XDG_CACHE_HOME/audiostyle`` or ``~/.cache/audiostyle``; where neither can be written (a
    read-only container), a folder of this user in the system's temporary folder.

    Raises
    ------
    RunError
        If none of them can be written.
    """
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    for folder in (Path(home) / "audiostyle", private_temporary_folder()):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise RunError(
        f"No folder for compiled functions can be written: {home} and {tempfile.gettempdir()} were tried; make one "
        "of them writable, or name a writable folder in XDG_CACHE_HOME."
    )


def private_temporary_folder() -> Path:
    """Return this user's folder in the system's temporary folder, which may not exist yet."""
    return Path(tempfile.gettempdir()) / f"audiostyle-{os.getuid()}"
