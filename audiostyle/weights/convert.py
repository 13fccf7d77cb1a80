"""Making normalised weights out of a file: with the shipped mean activations, or with one's own pictures."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audiostyle.errors import InputError, RunError
from audiostyle.files import shown
from audiostyle.version import __version__
from audiostyle.weights.layers import CONV_LAYERS
from audiostyle.weights.load import Inspection
from audiostyle.weights.normalise import measure_mean_activations, normalise
from audiostyle.weights.random_network import random_network

__all__ = ["Converted", "converted", "drawn", "normalised_on", "shipped_means"]


class Converted(NamedTuple):
    """New weights, how they were made, and the mean activations they were divided by (None if by none)."""

    arrays: list[npt.NDArray[np.float32]]
    record: dict[str, str]
    means: Mapping[str, npt.NDArray[np.float64]] | None


def shipped_means() -> tuple[dict[str, npt.NDArray[np.float64]], str]:
    """Return the shipped mean activations, ``mean_activations.npz``, and the file's SHA-256.

    Raises
    ------
    RunError
        If the file is not as it was shipped.
    """
    path = Path(__file__).with_name("mean_activations.npz")
    try:
        with np.load(path) as file:
            means = {layer.name: file[layer.name] for layer in CONV_LAYERS}
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        if any(means[layer.name].shape != (layer.n_out,) for layer in CONV_LAYERS):
            raise ValueError
    except (OSError, ValueError, KeyError):
        raise RunError(
            f"The mean activations {shown(path)} are missing or damaged; restore them, or install the package again."
        ) from None
    return means, sha256


def converted(weights: Inspection) -> Converted:
    """Return a file's weights, normalised with the shipped mean activations unless they are normalised already.

    Raises
    ------
    InputError
        If they are not the published network, whose mean activations those are.
    """
    record = _record(weights)
    if weights.normalised:
        return Converted(weights.arrays, record | {"normalised_by": "the source"}, None)
    if not weights.published:
        raise InputError(
            "The weights are not Simonyan and Zisserman's network, whose mean activations are shipped; "
            "use `weights normalize --pictures FOLDER`, which measures this network's own."
        )
    means, sha256 = shipped_means()
    record |= {"normalised_by": "the shipped mean activations", "mean_activations_sha256": sha256}
    return Converted(normalise(weights.arrays, means), record, means)


def normalised_on(
    weights: Inspection, pictures: Iterable[npt.NDArray[np.float32]], n_pictures: int, pictures_sha256: str
) -> Converted:
    """Return a file's weights, normalised on pictures with max pooling, as the shipped activations were measured.

    Parameters
    ----------
    weights : Inspection
        The file.
    pictures : iterable of numpy.ndarray
        Network inputs ``(3, height, width)``.
    n_pictures : int
        How many they are, for the record.
    pictures_sha256 : str
        A hash of the set, for the record.
    """
    means = measure_mean_activations(weights.arrays, pictures, "max")
    record = _record(weights) | {
        "normalised_by": f"{n_pictures} pictures",
        "pictures_sha256": pictures_sha256,
    }
    return Converted(normalise(weights.arrays, means), record, means)


def drawn(seed: int) -> Converted:
    """Return the random network of a seed, with its record."""
    record = {"made_by": f"audiostyle {__version__}", "source": f"random, seed {seed}"}
    return Converted(random_network(seed), record | {"normalised_by": "the built-in pictures"}, None)


def _record(weights: Inspection) -> dict[str, str]:
    return {
        "made_by": f"audiostyle {__version__}",
        "source": weights.form,
        "source_sha256": weights.file_sha256 or "",
    }
