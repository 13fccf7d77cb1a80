"""The image of a sound: what of the log spectrogram becomes the network's image, and back.

The paper's images are mel and the spectrogram itself; ``mfcc`` is what its text speaks of (D1), ``cqt``
and ``chroma`` are what it leaves open (sections 4.3 and 5).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from audiostyle.audio.chroma import CLASSES, band_height, from_chroma, to_chroma
from audiostyle.audio.constantq import cqt_frequencies, from_cqt, to_cqt
from audiostyle.audio.mel import check_columns, from_mel, n_columns, to_mel
from audiostyle.audio.spectrogram import n_frames
from audiostyle.settings import Settings

__all__ = ["image_shape", "in_time_with", "spectrogram_to_values", "time_axis", "values_to_spectrogram"]


def spectrogram_to_values(log_spec: np.ndarray, settings: Settings, samples: np.ndarray | None = None) -> np.ndarray:
    """Turn a log spectrogram into the values of the network's image.

    Parameters
    ----------
    log_spec : np.ndarray
        Log spectrogram of shape ``(n_frames, n_bins)``.
    settings : Settings
        ``representation``: ``mel``; ``spectrogram``, the log spectrogram itself; ``mfcc``, the
        orthonormal DCT-II of the mel spectrogram along its mel axis, with all n_mels coefficients, so
        that the way back loses nothing (D1); ``cqt``; ``chroma``.
    samples : np.ndarray, optional
        Samples of shape ``(n_samples,)`` that the spectrogram was made of, for ``cqt``.

    Returns
    -------
    np.ndarray
        ``(n_rows, n_columns)`` float32, of ``n_mels`` rows for mel and mfcc.  For the spectrogram
        float64 ``(n_frames, n_bins)``, or its transpose with ``spec_orientation="time_columns"`` (D7).
    """
    return _REPRESENTATIONS[settings.representation].forwards(log_spec, settings, samples)


def time_axis(settings: Settings) -> int:
    """Return which axis of values and images is time, -1 or -2 (D7)."""
    return -2 if (settings.representation, settings.spec_orientation) == ("spectrogram", "time_rows") else -1


def in_time_with(samples: np.ndarray, settings: Settings) -> np.ndarray:
    """Return samples ``(n_samples,)`` from where the spectrogram that :func:`values_to_spectrogram` gives begins.

    Shortening drops the first column, so all but the spectrogram itself come back that much later.
    """
    columns = 0 if settings.representation == "spectrogram" else 1
    return samples[columns * settings.time_zoom * settings.hop_length :]


def values_to_spectrogram(values: np.ndarray, settings: Settings) -> np.ndarray:
    """Turn values as :func:`spectrogram_to_values` gives them back into a log spectrogram.

    Parameters
    ----------
    values : np.ndarray
        ``(n_rows, n_columns)``, or a spectrogram in the orientation of the settings.
    settings : Settings
        ``representation`` and ``spec_orientation``.

    Returns
    -------
    np.ndarray
        Log spectrogram of shape ``(n_frames, n_bins)``.
    """
    return _REPRESENTATIONS[settings.representation].backwards(values, settings)


def image_shape(settings: Settings) -> tuple[int, int]:
    """Return the ``(height, width)`` of the network's image that these settings lead to.

    Raises
    ------
    InputError
        If the duration is too short for any image.

    Examples
    --------
    >>> image_shape(Settings())
    (96, 854)
    >>> image_shape(Settings(representation="spectrogram"))
    (856, 512)
    """
    frames = n_frames(round(settings.duration * settings.sample_rate), settings)
    height = _REPRESENTATIONS[settings.representation].height
    if height is not None:
        columns = n_columns(frames, settings)
        check_columns(columns)
        return height(settings), columns
    along, across = (settings.spec_zoom,) * 2 if settings.spec_zoom_axes == "both" else (settings.spec_zoom**2, 1)
    shape = round(frames / along), round(settings.n_fft // 2 / across)
    check_columns(shape[0])
    return shape if settings.spec_orientation == "time_rows" else shape[::-1]


def _turned(log_spec: np.ndarray, settings: Settings) -> np.ndarray:
    return log_spec.T if settings.spec_orientation == "time_columns" else log_spec


def _to_mfcc(log_spec: np.ndarray, settings: Settings) -> np.ndarray:
    import scipy.fft

    return scipy.fft.dct(to_mel(log_spec, settings), type=2, norm="ortho", axis=0)


def _from_mfcc(values: np.ndarray, settings: Settings) -> np.ndarray:
    import scipy.fft

    return from_mel(scipy.fft.idct(values, type=2, norm="ortho", axis=0), settings)


def _to_cqt(log_spec: np.ndarray, settings: Settings, samples: np.ndarray | None) -> np.ndarray:
    if samples is None:
        raise ValueError("a constant-Q image is made of samples")
    return to_cqt(samples, settings)


class _Representation(NamedTuple):
    forwards: Callable[[np.ndarray, Settings, np.ndarray | None], np.ndarray]
    backwards: Callable[[np.ndarray, Settings], np.ndarray]
    height: Callable[[Settings], int] | None


_REPRESENTATIONS = {
    "mel": _Representation(lambda spec, settings, _: to_mel(spec, settings), from_mel, lambda s: s.n_mels),
    "mfcc": _Representation(lambda spec, settings, _: _to_mfcc(spec, settings), _from_mfcc, lambda s: s.n_mels),
    "cqt": _Representation(_to_cqt, from_cqt, lambda s: len(cqt_frequencies(s))),
    "chroma": _Representation(
        lambda spec, settings, _: to_chroma(spec, settings), from_chroma, lambda s: CLASSES * band_height(s)
    ),
    # Its size is that of the spectrogram, shrunk on one axis or both.
    "spectrogram": _Representation(lambda spec, settings, _: _turned(spec, settings), _turned, None),
}
