"""Log spectrogram to mel bands and back; shortening and lengthening in time.

A mel spectrogram is turned over beside a log spectrogram: one row per mel filter and one column per
time, as the network sees it.
"""

import numpy as np

from audiostyle.audio.elementary import log10
from audiostyle.errors import InputError
from audiostyle.settings import Settings

__all__ = ["check_columns", "from_mel", "lengthened", "mel_filters", "n_columns", "shortened", "to_mel"]


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

    Examples
    --------
    >>> mel_filter, inverse_filter = mel_filters(Settings())
    >>> mel_filter.shape, inverse_filter.shape
    ((1024, 96), (96, 1024))
    >>> bool(np.allclose(mel_filter.sum(axis=0), 1))
    True
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
    check_columns(n_columns(len(log_spec), settings))
    if settings.mel_order == "mel_then_log":
        mel = log10(mel_filter.T.dot(10.0 ** np.asarray(log_spec, dtype=np.float64).T))
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
        above = log10(np.maximum(magnitudes, 10.0**floor)).T - floor
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


def n_columns(frames: int, settings: Settings) -> int:
    """Return the number of columns of so many frames when they are shortened, as scipy's zoom rounds it.

    Examples
    --------
    >>> n_columns(1712, Settings())
    854
    """
    return round(frames * (1.0 / settings.time_zoom)) - 2


def check_columns(columns: int) -> None:
    """Raise InputError unless there is a column for an image to be made of."""
    if columns < 1:
        raise InputError("The clips are too short for an image; use a longer --duration.")
