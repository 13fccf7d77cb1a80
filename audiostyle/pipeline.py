"""The way of a sound, both directions: clip -> samples -> spectrogram -> values -> image -> tensor, and back.

Between the two lies the network, which changes the tensor (:mod:`audiostyle.optimise`).
"""

import dataclasses
import os
from collections.abc import Callable

import numpy as np

from audiostyle.audio.clip import bandpass, load_clip, to_int16
from audiostyle.audio.inversion import invert
from audiostyle.audio.output_level import level_of
from audiostyle.audio.representation import in_time_with, spectrogram_to_values, time_axis, values_to_spectrogram
from audiostyle.audio.row_levels import with_row_levels
from audiostyle.audio.spectrogram import log_spectrogram
from audiostyle.image import image_to_tensor, tensor_to_values, values_to_image
from audiostyle.settings import Settings

__all__ = [
    "Analysis",
    "Synthesis",
    "analyse",
    "analyse_samples",
    "read_back",
    "sound_of",
    "synthesise",
    "through_the_image",
]


@dataclasses.dataclass(frozen=True)
class Analysis:
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

    def level(self, settings: Settings) -> float:
        """Return how loud the clip is, as ``output_level`` measures it."""
        return level_of(self.samples, settings)


@dataclasses.dataclass(frozen=True)
class Synthesis:
    """What a tensor of the network sounds like, and the stages on the way.

    Attributes
    ----------
    values : np.ndarray
        The representation, as :attr:`Analysis.values`.
    spectrogram : np.ndarray ``(n_frames, n_bins)``
    samples : np.ndarray ``(n_samples,)`` float64
        Any scale: :func:`audiostyle.audio.clip.write_wav` sets it.
    """

    values: np.ndarray
    spectrogram: np.ndarray
    samples: np.ndarray


def analyse(path: str | os.PathLike[str], settings: Settings, offset: float = 0.0) -> Analysis:
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
    return analyse_samples(samples, bandpass(samples, settings), settings)


def analyse_samples(samples: np.ndarray, bandpassed: np.ndarray, settings: Settings) -> Analysis:
    """Carry samples ``(n_samples,)`` that are there already to the network's input."""
    spectrogram = log_spectrogram(bandpassed, settings)
    values = spectrogram_to_values(spectrogram, settings, bandpassed)
    image, value_range = values_to_image(values, settings)
    return Analysis(samples, bandpassed, spectrogram, values, image, value_range, image_to_tensor(image, settings))


def read_back(
    tensor: np.ndarray, content: Analysis, style: Analysis, settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """Return the values and the log spectrogram that a tensor stands for.

    Parameters
    ----------
    tensor : np.ndarray ``(1, 3, height, width)``
    content, style : Analysis
        Whose range of values the tensor's grey levels are given (D10); the style's rows have the levels that the
        result's may get (T26).
    settings : Settings
    """
    ranges = {"content": content.value_range, "style": style.value_range}
    values = tensor_to_values(tensor, ranges, settings)
    if settings.row_levels == "style":
        values = with_row_levels(values, style.values, time_axis(settings))
    return values, values_to_spectrogram(values, settings)


def sound_of(
    spectrogram: np.ndarray,
    content: Analysis,
    settings: Settings,
    trace: Callable[[int, np.ndarray, np.ndarray], None] | None = None,
) -> np.ndarray:
    """Return the samples ``(n_samples,)`` of a log spectrogram that :func:`read_back` gave.

    Parameters
    ----------
    spectrogram : np.ndarray ``(n_frames, n_bins)``
    content : Analysis
        Whose phases are the first, if the settings say so.
    settings : Settings
    trace : callable, optional
        As :func:`audiostyle.audio.inversion.invert` calls it.
    """
    return invert(spectrogram, settings, trace=trace, content=in_time_with(content.bandpassed, settings))


def synthesise(
    tensor: np.ndarray,
    content: Analysis,
    style: Analysis,
    settings: Settings,
    trace: Callable[[int, np.ndarray, np.ndarray], None] | None = None,
) -> Synthesis:
    """Make a tensor audible.

    Parameters
    ----------
    tensor, content, style, settings
        As :func:`read_back` takes them.
    trace : callable, optional
        As :func:`audiostyle.audio.inversion.invert` calls it.
    """
    values, spectrogram = read_back(tensor, content, style, settings)
    return Synthesis(values, spectrogram, sound_of(spectrogram, content, settings, trace))


def through_the_image(samples: np.ndarray, settings: Settings) -> np.ndarray:
    """Take samples to the network's image and back, as a transfer that changes nothing would.

    What a result lacks beside this, the transfer took away; what this lacks beside the samples, the way
    through the image and back took.

    Parameters
    ----------
    samples : np.ndarray ``(n_samples,)``
        Band-passed, at ``settings.sample_rate``.
    settings : Settings

    Returns
    -------
    np.ndarray
        Samples as a player gets them from the WAV file, 16-bit steps and all, full scale at 1.
    """
    clip = analyse_samples(samples, samples, settings)
    return to_int16(synthesise(clip.tensor, clip, clip, settings).samples, settings, clip.level(settings)) / 32768.0
