"""Which weights a command uses: what was asked for, else the file in its usual place, else an offer to fetch it."""

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

from audiostyle.command.terminal import tell
from audiostyle.errors import InputError, RunError
from audiostyle.files import check_output, reason, shown
from audiostyle.invocation import invocation

__all__ = ["fetch_weights", "find_weights", "output_path"]


def find_weights(
    option: str | None,
    assume_yes: bool,
    interactive: bool,
    ask: Callable[[str], str],
    path: Path | None = None,
    fetch: Callable[[Path], None] | None = None,
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
    path : pathlib.Path, optional
        Where weights are looked for; by default their usual place.
    fetch : callable, optional
        Makes that file; by default :func:`fetch_weights`.

    Returns
    -------
    str or pathlib.Path
        A file, or the word ``random``.

    Raises
    ------
    InputError
        If the file asked for is not there, or there are no weights and none are to be fetched.
    """
    from audiostyle.weights.places import default_weights_path

    if option is not None:
        if option != "random" and not os.path.lexists(option):
            raise InputError(f"There is no file {shown(option)}; --weights takes a file or the word random.")
        return option if option == "random" else Path(option)
    path = path or default_weights_path()
    if path.exists():
        return path
    question = f"There are no weights in {shown(path.parent)}. Fetch VGG-19 (80 MB) and normalise it now? [y/N] "
    if not assume_yes and not (interactive and _agreed(ask, question)):
        raise InputError(
            f"There are no VGG-19 weights: {shown(path)} is missing; get them with `{invocation('weights fetch')}`, "
            f"make them from a file you have with `{invocation('weights convert FILE')}`, or try without by "
            "`--weights random`."
        )
    (fetch or fetch_weights)(output_path(path))
    return path


def fetch_weights(output: Path, form: str = "pickle", get: Callable[[Path], Path] | None = None) -> None:
    """Download the published weights to the output's folder and write them, normalised.

    Parameters
    ----------
    output : pathlib.Path
        The file to write; the download is kept beside it.
    form : {'pickle', 'h5'}
        Form of the file that is written.
    get : callable, optional
        Downloads to a folder and returns the file; by default :func:`audiostyle.weights.fetch.download`.
    """
    from audiostyle.weights.convert import converted
    from audiostyle.weights.fetch import KERAS_NAME, download
    from audiostyle.weights.load import inspect_weights
    from audiostyle.weights.save import save_weights

    tell(f"Fetching {KERAS_NAME} (80 MB) ...", stream=sys.stderr)
    weights = converted(inspect_weights((get or download)(output.parent)))
    save_weights(output, weights.arrays, form, weights.record, weights.means)


def output_path(path: Path | None, replace: bool = True) -> Path:
    """Return the file to write, after checking that it can be written.

    Parameters
    ----------
    path : pathlib.Path or None
        What was asked for; None for the usual place, whose folder is made if it is missing.
    replace : bool
        Whether a file that is there already may be replaced.
    """
    from audiostyle.weights.places import default_weights_path

    usual = default_weights_path()
    path = usual if path is None else path
    if path == usual:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"The folder {shown(path.parent)} cannot be made: {reason(error)}.") from error
    check_output(path, "The weights")
    if path.exists() and not replace:
        raise InputError(f"The file {shown(path)} is there already; choose another name with -o or add --force.")
    return path


def _agreed(ask: Callable[[str], str], question: str) -> bool:
    with contextlib.suppress(EOFError):
        return ask(question).strip().lower() in ("y", "yes")
    return False
