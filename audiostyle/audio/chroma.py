"""A chroma picture of a sound: one band for each of the twelve pitch classes, whatever the octave.

The paper proposes it "to capture the notes of the scale more explicitly" (section 5).  It knows
harmony and rhythm and nothing else, so the way back has to invent where in the spectrum a
pitch class lies: it sounds in every octave, most in the middle ones (librosa's weights).
"""

import numpy as np

from audiostyle.audio.elementary import log10
from audiostyle.audio.mel import check_columns, lengthened, n_columns, shortened
from audiostyle.errors import InputError
from audiostyle.settings import Settings

__all__ = ["CLASSES", "band_height", "from_chroma", "to_chroma"]

#: Pitch classes, from C up.
CLASSES = 12


def band_height(settings: Settings) -> int:
    """Return how many equal rows each pitch class gets: VGG-19 halves the height four times, and 12 are too few.

    Examples
    --------
    >>> band_height(Settings())
    8
    """
    return max(1, settings.n_mels // CLASSES)


def to_chroma(log_spec: np.ndarray, settings: Settings) -> np.ndarray:
    """Add up a spectrogram's magnitudes by pitch class, shortened in time as mel is.

    Parameters
    ----------
    log_spec : np.ndarray
        Log spectrogram of shape ``(n_frames, n_bins)``.
    settings : Settings
        ``sample_rate``, ``n_fft``, ``log_floor``, ``time_zoom``, ``n_mels`` for :func:`band_height`.

    Returns
    -------
    np.ndarray
        float32 of shape ``(12 * band_height, n_columns)``, log10 of the magnitude over its maximum.

    Raises
    ------
    InputError
        If no column is left, or nothing is above the floor.
    """
    check_columns(n_columns(len(log_spec), settings))
    # A floor is no sound: summed over hundreds of frequencies it would be one.
    magnitudes = np.where(log_spec > settings.log_floor, 10.0 ** np.asarray(log_spec, dtype=np.float64), 0)
    chroma = _filters(settings) @ magnitudes.T
    if not chroma.max() > 0:
        raise InputError("No frequency of the clip is above the floor, so it has no chroma picture.")
    levels = np.maximum(log10(chroma / chroma.max()), settings.log_floor)
    return np.repeat(shortened(levels, settings), band_height(settings), axis=0)


def from_chroma(values: np.ndarray, settings: Settings) -> np.ndarray:
    """Give every frequency the level of its pitch class, and lengthen in time.

    Parameters
    ----------
    values : np.ndarray
        ``(12 * band_height, n_columns)``; the rows of a class need not be equal any more, their mean
        counts.
    settings : Settings

    Returns
    -------
    np.ndarray
        Log spectrogram, float32 of shape ``(n_columns * time_zoom, n_bins)``.
    """
    classes = np.asarray(values, dtype=np.float64).reshape(CLASSES, -1, values.shape[1]).mean(axis=1)
    levels = _filters(settings).T @ 10.0**classes
    levels = log10(np.maximum(levels / _filters(settings).max(), 10.0**settings.log_floor))
    return (lengthened(levels - settings.log_floor, settings) + settings.log_floor).T


def _filters(settings: Settings) -> np.ndarray:
    """Return librosa's chroma filters without the bin at half the sample rate, ``(12, n_bins)``."""
    import librosa

    filters = librosa.filters.chroma(sr=settings.sample_rate, n_fft=settings.n_fft, n_chroma=CLASSES, dtype=np.float64)
    # Frequency 0 has no pitch.
    filters[:, 0] = 0
    whole: np.ndarray = filters[:, :-1]
    return whole
