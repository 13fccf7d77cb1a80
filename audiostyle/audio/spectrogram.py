"""Samples to logarithmic spectrogram to mel, and mel back to spectrogram.

A log spectrogram has one row per frame of time and one column per frequency; a mel spectrogram is
turned over, one row per mel filter and one column per time, as the network sees it.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from audiostyle.audio.magnitude import magnitude
from audiostyle.errors import InputError
from audiostyle.settings import Settings

__all__ = [
    "by_rows",
    "check_columns",
    "framed",
    "from_mel",
    "hamming",
    "image_shape",
    "lengthened",
    "log_spectrogram",
    "mel_filters",
    "n_frames",
    "shortened",
    "stft",
    "to_mel",
]

_ROWS = 32


def hamming(size: int) -> np.ndarray:
    """Return the symmetric Hamming window of shape ``(size,)`` (mfcc.py:85)."""
    return 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(size) / (size - 1))


def n_frames(n_samples: int, settings: Settings) -> int:
    """Return the number of analysis frames of `n_samples` samples (T8).

    ``frame_padding="released"`` always pads to a further multiple of ``n_fft`` and then leaves out
    the last window; ``"exact"`` pads only what the last window lacks.
    """
    if settings.frame_padding == "exact":
        return 1 + max(0, -(-(n_samples - settings.n_fft) // settings.hop_length))
    return n_samples // settings.n_fft * settings.n_fft // settings.hop_length


def stft(samples: np.ndarray, settings: Settings, count: int) -> np.ndarray:
    """Return the one-sided spectra of the first `count` frames, of the samples less their mean.

    Parameters
    ----------
    samples : np.ndarray
        Samples of shape ``(n_samples,)``; they are not changed (the authors' are, T7).
    settings : Settings
        ``n_fft`` and ``hop_length`` in samples.
    count : int
        Number of frames; frame i begins at sample ``i * hop_length``, with zeros past the end.

    Returns
    -------
    np.ndarray
        complex128 of shape ``(count, n_fft // 2 + 1)``.
    """
    spectra = np.empty((count, settings.n_fft // 2 + 1), dtype=np.complex128)
    analyse = framed(samples, settings, count)

    def work(rows: slice) -> None:
        spectra[rows] = analyse(rows)

    by_rows(work, count, settings)
    return spectra


def framed(samples: np.ndarray, settings: Settings, count: int) -> Callable[[slice], np.ndarray]:
    """Return a function that gives any rows of :func:`stft`, of shape ``(n_rows, n_fft // 2 + 1)``."""
    import scipy.fft

    size, hop = settings.n_fft, settings.hop_length
    padded = np.zeros(max(len(samples), (count - 1) * hop + size))
    padded[: len(samples)] = samples - np.mean(samples)
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window = hamming(size)
    return lambda rows: scipy.fft.rfft(windows[rows] * window, axis=1, overwrite_x=True)


def by_rows(work: Callable[[slice], None], count: int, settings: Settings) -> None:
    """Call `work` on a few of `count` rows at a time, which fit into the cache, in several threads.

    Parameters
    ----------
    work : callable
        Takes a slice of rows; it must touch no others.
    count : int
        Number of rows.
    settings : Settings
        ``threads``; the result does not depend on it.
    """
    blocks = [slice(start, min(start + _ROWS, count)) for start in range(0, count, _ROWS)]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ThreadPoolExecutor(min(settings.threads or cores, cores)) as pool:
        for _ in pool.map(work, blocks):
            pass


def log_spectrogram(samples: np.ndarray, settings: Settings) -> np.ndarray:
    """Return the logarithmic magnitude spectrogram of samples, its maximum at 0 (mfcc.py:91-108).

    Parameters
    ----------
    samples : np.ndarray
        Samples of shape ``(n_samples,)``; they are not changed.
    settings : Settings
        ``n_fft`` and ``hop_length`` in samples, ``log_floor`` in powers of ten, ``frame_padding``.

    Returns
    -------
    np.ndarray
        float64 of shape ``(n_frames, n_bins)`` with ``n_bins = n_fft // 2`` (the bin at half the
        sample rate is left out), log10 of the magnitude over its maximum, at least ``log_floor``.

    Raises
    ------
    InputError
        If there are too few samples for one frame, or they are silent.
    """
    count = n_frames(len(samples), settings)
    if count < 1:
        raise InputError(
            f"{len(samples)} samples are too few for one frame of {settings.n_fft}; use a longer --duration or a "
            "smaller n_fft."
        )
    magnitudes = magnitude(stft(samples, settings, count)[:, :-1])
    loudest = magnitudes.max()
    if not 0 < loudest < np.inf:
        raise InputError("The samples are silent or not finite numbers, so they have no spectrogram.")
    with np.errstate(divide="ignore"):
        return np.maximum(np.log10(magnitudes / loudest), settings.log_floor)


def mel_filters(settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Return the triangular mel filters, for analysis and for the way back (mfcc.py:240-289).

    They are built for ``mel_sample_rate``, which is twice the sample rate in the released code (D2).

    Returns
    -------
    tuple of np.ndarray
        ``(mel_filter, inverse_filter)``: ``(n_bins, n_mels)``, each column with sum 1, and
        ``(n_mels, n_bins)``, each row with its peak at 1.

    Raises
    ------
    InputError
        If a filter is so narrow that it holds no frequency.
    """
    edges_hz = np.array([settings.mel_fmin, settings.mel_fmax])
    low, high = 2595 * np.log10(1 + edges_hz / 700.0)
    points_hz = 700 * (10 ** (np.linspace(low, high, settings.n_mels + 2) / 2595.0) - 1)
    points = np.floor((settings.n_fft + 1) * points_hz / settings.mel_sample_rate)
    bins = np.arange(settings.n_fft // 2)
    inverse = np.zeros((settings.n_mels, len(bins)))
    for row, left, peak, right in zip(inverse, points, points[1:], points[2:], strict=False):
        rising, falling = (bins >= left) & (bins < peak), (bins >= peak) & (bins < right)
        row[rising] = (bins[rising] - left) / (peak - left)
        row[falling] = (right - bins[falling]) / (right - peak)
    sums = inverse.sum(axis=1)
    if not sums.all():
        raise InputError(
            f"Mel filter {int(np.argmin(sums))} of {settings.n_mels} from {settings.mel_fmin:g} to "
            f"{settings.mel_fmax:g} Hz is narrower than one frequency of n_fft {settings.n_fft}; use fewer n_mels, a "
            "larger n_fft or a wider range."
        )
    return inverse.T / sums, inverse


def to_mel(log_spec: np.ndarray, settings: Settings) -> np.ndarray:
    """Average a log spectrogram into mel bands and shorten it in time (mfcc.py:291-300).

    Parameters
    ----------
    log_spec : np.ndarray
        Log spectrogram of shape ``(n_frames, n_bins)``.
    settings : Settings
        ``mel_order``: the released code averages the logarithms (D1); ``time_zoom``.

    Returns
    -------
    np.ndarray
        float32 of shape ``(n_mels, n_columns)``, n_columns = n_frames / time_zoom - 2, since the
        first and the last column are dropped.

    Raises
    ------
    InputError
        If no column is left.
    """
    mel_filter, _ = mel_filters(settings)
    check_columns(len(log_spec), settings)
    if settings.mel_order == "mel_then_log":
        mel = np.log10(mel_filter.T.dot(10.0 ** np.asarray(log_spec, dtype=np.float64).T))
    else:
        mel = mel_filter.T.dot(log_spec.T)
    return shortened(mel, settings)


def from_mel(mel: np.ndarray, settings: Settings) -> np.ndarray:
    """Spread a mel spectrogram over the frequencies and lengthen it in time (mfcc.py:302-310).

    Parameters
    ----------
    mel : np.ndarray
        Mel spectrogram of shape ``(n_mels, n_columns)``.
    settings : Settings
        ``mel_order``, ``time_zoom``, ``log_floor``.

    Returns
    -------
    np.ndarray
        Log spectrogram, float32 of shape ``(n_columns * time_zoom, n_bins)``; frequencies outside
        the filters are at the floor.
    """
    _, inverse = mel_filters(settings)
    floor = settings.log_floor
    if settings.mel_order == "mel_then_log":
        magnitudes = (10.0 ** np.asarray(mel, dtype=np.float64)).T.dot(inverse)
        above = np.log10(np.maximum(magnitudes, 10.0**floor)).T - floor
    else:
        above = (mel - floor).T.dot(inverse).T
    return (lengthened(above, settings) + floor).T


def shortened(picture: np.ndarray, settings: Settings) -> np.ndarray:
    """Shorten ``(n_rows, n_frames)`` in time to float32 ``(n_rows, n_columns)``; the outermost columns are dropped."""
    import scipy.ndimage

    # Default arguments on purpose: they give the bits of 2017, grid_mode does not (T6).
    return scipy.ndimage.zoom(picture.astype(np.float32), [1, 1.0 / settings.time_zoom])[:, 1:-1]


def lengthened(picture: np.ndarray, settings: Settings) -> np.ndarray:
    """Lengthen ``(n_rows, n_columns)`` in time to float32 ``(n_rows, n_columns * time_zoom)``."""
    import scipy.ndimage

    return scipy.ndimage.zoom(picture.astype(np.float32), [1, settings.time_zoom])


def image_shape(settings: Settings) -> tuple[int, int]:
    """Return the ``(height, width)`` of the network's image that these settings lead to.

    Raises
    ------
    InputError
        If the duration is too short for any image.
    """
    frames = n_frames(round(settings.duration * settings.sample_rate), settings)
    if settings.representation == "spectrogram":
        zoom = settings.spec_zoom
        along, across = (zoom, zoom) if settings.spec_zoom_axes == "both" else (zoom**2, 1)
        height, width = round(frames / along), round(settings.n_fft // 2 / across)
        _check_columns(height)
        return (height, width) if settings.spec_orientation == "time_rows" else (width, height)
    check_columns(frames, settings)
    height = settings.n_mels
    if settings.representation == "cqt":
        from audiostyle.audio.constantq import cqt_frequencies

        height = len(cqt_frequencies(settings))
    elif settings.representation == "chroma":
        from audiostyle.audio.chroma import CLASSES, band_height

        height = CLASSES * band_height(settings)
    return height, _columns(frames, settings)


def check_columns(frames: int, settings: Settings) -> None:
    """Raise InputError unless something is left of so many frames when they are shortened."""
    _check_columns(_columns(frames, settings))


def _columns(frames: int, settings: Settings) -> int:
    """Number of mel columns of so many frames; scipy's zoom rounds the length in this way."""
    return round(frames * (1.0 / settings.time_zoom)) - 2


def _check_columns(columns: int) -> None:
    if columns < 1:
        raise InputError("The clips are too short for an image; use a longer --duration.")
