"""Samples to logarithmic spectrogram: one row per frame of time, one column per frequency."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from audiostyle.audio.elementary import cos, log10
from audiostyle.audio.magnitude import magnitude
from audiostyle.errors import InputError
from audiostyle.settings import Settings

__all__ = ["by_rows", "framed", "hamming", "log_spectrogram", "n_frames", "stft"]

_ROWS = 32


def hamming(size: int) -> np.ndarray:
    """Return the symmetric Hamming window of shape ``(size,)`` (mfcc.py:85).

    Examples
    --------
    >>> hamming(5).round(2).tolist()
    [0.08, 0.54, 1.0, 0.54, 0.08]
    """
    return 0.54 - 0.46 * cos(2 * np.pi * np.arange(size) / (size - 1))


def n_frames(n_samples: int, settings: Settings) -> int:
    """Return the number of analysis frames of `n_samples` samples (T8).

    ``frame_padding="released"`` always pads to a further multiple of ``n_fft`` and then leaves out
    the last window; ``"exact"`` pads only what the last window lacks.

    Examples
    --------
    Ten seconds have the authors' 1712 frames, of which the exact padding keeps one more:

    >>> n_frames(220500, Settings()), n_frames(220500, Settings(frame_padding="exact"))
    (1712, 1708)
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

    Examples
    --------
    The loudest frequency of a tone of 1 kHz, in bins of 22050 / 2048 Hz:

    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(22050) / 22050)
    >>> spectrogram = log_spectrogram(tone, Settings())
    >>> spectrogram.shape, int(spectrogram[80].argmax()), float(spectrogram.max())
    ((160, 1024), 93, 0.0)
    """
    count = n_frames(len(samples), settings)
    if count < 1:
        raise InputError(
            f"{len(samples)} samples are too few for one frame of {settings.n_fft}; use a longer --duration or a "
            "smaller n_fft."
        )
    magnitudes, analyse = np.empty((count, settings.n_fft // 2)), framed(samples, settings, count)

    def work(rows: slice) -> None:
        magnitudes[rows] = magnitude(analyse(rows)[:, :-1])

    by_rows(work, count, settings)
    loudest = magnitudes.max()
    if not 0 < loudest < np.inf:
        raise InputError("The samples are silent or not finite numbers, so they have no spectrogram.")

    def take_logarithms(rows: slice) -> None:
        # In place: a song's are hundreds of megabytes.
        magnitudes[rows] = np.maximum(log10(magnitudes[rows] / loudest), settings.log_floor)

    by_rows(take_logarithms, count, settings)
    return magnitudes
