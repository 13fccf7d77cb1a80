"""From what ``--weights`` says to 32 checked arrays and what is known about them."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audiostyle.errors import InputError
from audiostyle.settings import Settings
from audiostyle.weights.parameters import arrays_sha256, check_parameters
from audiostyle.weights.pickle_file import FORM, read_lasagne
from audiostyle.weights.random_network import RANDOM_SEED, random_network

__all__ = ["RANDOM", "Weights", "load_weights"]

RANDOM = "random"


@dataclasses.dataclass(frozen=True)
class Weights:
    """The weights of one run and what is known about them.

    Attributes
    ----------
    arrays : list of numpy.ndarray
        32 float32 arrays W1, b1, W2, ...: W ``(n_out, n_in, 3, 3)``, b ``(n_out,)``, for blue-green-red
        input of 0 to 255 minus the mean.
    form : str
        The form of the file, or ``random``.
    sha256 : str
        SHA-256 of the arrays' bytes in order, in hexadecimal.
    file_sha256 : str or None
        SHA-256 of the file; None for ``random``.
    normalised : bool
        Whether each filter's mean activation is about 1.
    notes : tuple of str
        Sentences for the user.
    """

    arrays: list[npt.NDArray[np.float32]]
    form: str
    sha256: str
    file_sha256: str | None
    normalised: bool
    notes: tuple[str, ...]


def load_weights(source: str | Path, settings: Settings, allow_unnormalised: bool = True) -> Weights:
    """Load weights of any known form.

    Parameters
    ----------
    source : str or pathlib.Path
        A file, or the word ``random``.
    settings : Settings
        Number of threads for measuring.
    allow_unnormalised : bool
        False to raise where the weights are not normalised; otherwise a note says so.

    Returns
    -------
    Weights
        Checked and in the network's form.

    Raises
    ------
    InputError
        If the file cannot be used.
    """
    if source == RANDOM:
        arrays = random_network()
        note = f"The weights are random (seed {RANDOM_SEED}, normalised): textures are coarser than with trained ones."
        return Weights(arrays, RANDOM, arrays_sha256(arrays), None, True, (note,))
    path = Path(source)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"The weights file {path} cannot be read ({error.strerror}); check --weights.") from None
    where = f"The weights file {path}"
    arrays = check_parameters(read_lasagne(data, where), where)
    return Weights(arrays, FORM, arrays_sha256(arrays), hashlib.sha256(data).hexdigest(), True, ())
