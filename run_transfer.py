#!/usr/bin/env python3
"""Transfer the style of one clip to another: the same as ``audiostyle transfer``.

Any Python 3 can run this file, so that a wrong one is told which to use; one without the packages hands over to
.venv, which ``make`` has put beside the file.
"""

import importlib.util
import os
import sys
from pathlib import Path

ENVIRONMENT = Path(__file__).resolve().parent / ".venv"


def check_python() -> None:
    """Return only in a Python that can run this: hand over to the one in .venv, or end with a sentence."""
    right = (3, 11) <= sys.version_info[:2] <= (3, 14)
    if right and importlib.util.find_spec("numpy"):
        return
    python = ENVIRONMENT / "bin" / "python"
    # A .venv that lacks packages itself would hand over to itself for ever.
    if os.access(str(python), os.X_OK) and Path(sys.prefix).resolve() != ENVIRONMENT.resolve():
        os.execv(str(python), [str(python), *sys.argv])
    version = "{}.{}".format(*sys.version_info)
    found = "it has no numpy" if right else f"it is Python {version}, but 3.11 to 3.14 are needed"
    sys.exit(
        f"audiostyle: {sys.executable} will not do ({found}); 'make demo' makes the environment .venv, and then "
        ".venv/bin/python run_transfer.py works."
    )


if __name__ == "__main__":
    check_python()
    from audiostyle.command.main import main

    arguments = sys.argv[1:]
    sys.exit(main(arguments if arguments == ["--version"] else ["transfer", *arguments]))
