"""How a subcommand is typed, for messages: that depends on how AudioStyle was installed."""

import os
import shlex
import shutil
import sys
from pathlib import Path

__all__ = ["checkout", "invocation"]


def checkout() -> Path | None:
    """Return the folder of the repository that this package lies in, None where it is installed."""
    folder = Path(__file__).resolve().parents[1]
    return folder if (folder / "run_transfer.py").is_file() else None


def invocation(subcommand: str) -> str:
    """Return what to type for a subcommand.

    In a checkout ``.venv/bin/python run_transfer.py`` for ``transfer`` and ``.venv/bin/python -m audiostyle doctor``
    for ``doctor``; in an installed package ``audiostyle transfer`` and ``audiostyle doctor``.
    """
    if checkout() is None:
        program = "audiostyle" if shutil.which("audiostyle") else f"{_python()} -m audiostyle"
        return f"{program} {subcommand}"
    if subcommand == "transfer":
        return f"{_python()} run_transfer.py"
    return f"{_python()} -m audiostyle {subcommand}"


def _python() -> str:
    """Name this interpreter as it can be typed: relative where it is below the current folder."""
    path = os.path.relpath(sys.executable)
    return shlex.quote(sys.executable if path.startswith(os.pardir) else path)
