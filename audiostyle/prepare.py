"""From a clip to the network's image, every step kept: samples -> spectrogram -> values -> image -> tensor."""

import dataclasses
import os

import numpy as np

from audiostyle.audio.clip import bandpass, load_clip
from audiostyle.audio.representation import represent
from audiostyle.audio.spectrogram import log_spectrogram
from audiostyle.image import image_to_tensor, values_to_image
from audiostyle.settings import Settings

__all__ = ["Prepared", "prepare_clip"]


@dataclasses.dataclass(frozen=True)
class Prepared:
    """One clip at every stage before the network.

    Attributes
    ----------
    samples, bandpassed : np.ndarray ``(n_samples,)``
    spectrogram : np.ndarray ``(n_frames, n_bins)``
        log10 of magnitudes relative to the loudest.
    values : np.ndarray
        The representation, ``(n_mels, n_columns)`` for mel.
    image : np.ndarray of uint8
    value_range : tuple of float
        Lowest and highest of `values`, which grey levels 0 and 256 stand for.
    tensor : np.ndarray ``(1, 3, height, width)`` float32
    """

    samples: np.ndarray
    bandpassed: np.ndarray
    spectrogram: np.ndarray
    values: np.ndarray
    image: np.ndarray
    value_range: tuple[float, float]
    tensor: np.ndarray


def prepare_clip(path: str | os.PathLike[str], settings: Settings, offset: float = 0.0) -> Prepared:
    """Load a clip and carry it to the network's input.

    Parameters
    ----------
    path : path
        Any audio file that soundfile or librosa reads.
    settings : Settings
    offset : float
        Seconds skipped at its start.

    Raises
    ------
    InputError
        If the file cannot be used.
    """
    samples = load_clip(path, settings, offset)
    bandpassed = bandpass(samples, settings)
    spectrogram = log_spectrogram(bandpassed, settings)
    values = represent(spectrogram, settings, bandpassed)
    image, value_range = values_to_image(values, settings)
    return Prepared(samples, bandpassed, spectrogram, values, image, value_range, image_to_tensor(image, settings))
