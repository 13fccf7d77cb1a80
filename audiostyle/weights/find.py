"""Which weights a run uses: what was asked for, else the file in its usual place, else an offer to fetch it."""

from collections.abc import Callable
from pathlib import Path

from audiostyle.errors import InputError

__all__ = ["default_weights_path", "find_weights", "weights_folder"]


def weights_folder() -> Path:
    """Return the folder ``vgg19_weights`` beside the package."""
    return Path(__file__).resolve().parents[2] / "vgg19_weights"


def default_weights_path() -> Path:
    """Return where the weights are looked for when nothing is said: the authors' name, in ``vgg19_weights``."""
    return weights_folder() / "vgg19_normalized.pkl"


def find_weights(
    option: str | None,
    assume_yes: bool,
    interactive: bool,
    ask: Callable[[str], str],
    fetch: Callable[[], Path] | None = None,
) -> str | Path:
    """Decide which weights to use.

    Parameters
    ----------
    option : str or None
        What ``--weights`` says: a file or the word ``random``; None if it was not given.
    assume_yes : bool
        Whether ``--yes`` was given: fetch without asking.
    interactive : bool
        Whether there is somebody to ask.
    ask : callable
        Shows a question and returns what the user types, as :func:`input` does.
    fetch : callable, optional
        Fetches the weights and returns their path; by default from their public address.

    Returns
    -------
    str or pathlib.Path
        A file, or the word ``random``.

    Raises
    ------
    InputError
        If there are no weights and none are to be fetched.
    """
    if option is not None:
        return option if option == "random" else Path(option)
    path = default_weights_path()
    if path.exists():
        return path
    question = f"There are no weights in {path.parent}. Fetch VGG-19 (80 MB) and normalise it now? [y/N] "
    if not assume_yes and not (interactive and _agreed(ask, question)):
        raise InputError(
            f"There are no VGG-19 weights: {path} is missing; get them with `python -m audiostyle weights fetch`, make "
            "them from a file you have with `python -m audiostyle weights convert FILE`, or try without by "
            "`--weights random`."
        )
    if fetch is None:
        from audiostyle.weights.fetch import fetch_weights

        fetch = fetch_weights
    return fetch()


def _agreed(ask: Callable[[str], str], question: str) -> bool:
    try:
        return ask(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False
