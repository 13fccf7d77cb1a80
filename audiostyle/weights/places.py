"""Where weights lie, in a checkout and when the package is installed."""

import os
from pathlib import Path

from audiostyle.invocation import checkout

__all__ = ["WEIGHTS_NAME", "default_weights_path", "weights_folder"]

#: The authors' name for the normalised weights.
WEIGHTS_NAME = "vgg19_normalized.pkl"
_FOLDER = "vgg19_weights"


def weights_folder() -> Path:
    """Return the folder for weights; it need not be there yet.

    In a checkout ``vgg19_weights`` beside the package, elsewhere ``audiostyle/vgg19_weights`` in the user's
    data folder (``XDG_DATA_HOME``, by default ``~/.local/share``).
    """
    repository = checkout()
    if repository is not None:
        return repository / _FOLDER
    data = os.environ.get("XDG_DATA_HOME", "")
    # The specification has relative paths ignored.
    base = Path(data) if os.path.isabs(data) else Path(os.path.expanduser("~/.local/share"))
    return base / "audiostyle" / _FOLDER


def default_weights_path() -> Path:
    """Return where the weights are looked for when nothing is said."""
    return weights_folder() / WEIGHTS_NAME
