"""A constant-Q picture of a sound: as many rows in each octave, so a chord keeps its shape at any pitch.

The paper calls it ideal for the autocorrelation along frequency (section 4.3) and does not try it.
Its columns are those of the mel picture, so that all else in the pipeline stays as it is.
"""

import numpy as np

from audiostyle.audio.elementary import log10
from audiostyle.audio.mel import check_columns, lengthened, n_columns, shortened
from audiostyle.audio.spectrogram import n_frames
from audiostyle.errors import InputError
from audiostyle.settings import Settings

__all__ = ["LOWEST", "ROWS_PER_OCTAVE", "cqt_frequencies", "from_cqt", "to_cqt"]

#: Frequency in Hz of the lowest row: the note C2, in the middle of a bass guitar's lowest octave.
LOWEST = 65.40639132514966
#: A row for each semitone.
ROWS_PER_OCTAVE = 12


def cqt_frequencies(settings: Settings) -> np.ndarray:
    """Return the frequency in Hz of each row, ``(n_rows,)``: all whole octaves below half the sample rate.

    Raises
    ------
    InputError
        If there is no room for one octave.

    Examples
    --------
    >>> frequencies = cqt_frequencies(Settings())
    >>> len(frequencies), round(float(frequencies[12]), 2)  # an octave above the lowest
    (84, 130.81)
    """
    # librosa halves the sample rate octave by octave and needs a little room above the highest row.
    octaves = int(np.floor(np.log2(0.49 * settings.sample_rate / LOWEST)))
    if octaves < 1:
        raise InputError(
            f"A constant-Q picture begins at {LOWEST:g} Hz and needs an octave below half the sample rate, which is "
            f"{settings.sample_rate / 2:g} Hz; use a higher sample_rate."
        )
    rows = np.arange(octaves * ROWS_PER_OCTAVE)
    return LOWEST * 2.0 ** (rows / ROWS_PER_OCTAVE)


def to_cqt(samples: np.ndarray, settings: Settings) -> np.ndarray:
    """Return the logarithmic constant-Q transform of samples (librosa's), shortened in time as mel is.

    Parameters
    ----------
    samples : np.ndarray
        Samples of shape ``(n_samples,)``.
    settings : Settings
        ``sample_rate`` in Hz, ``hop_length`` in samples, ``log_floor``, ``time_zoom``.

    Returns
    -------
    np.ndarray
        float32 of shape ``(n_rows, n_columns)``, log10 of the magnitude over its maximum.

    Raises
    ------
    InputError
        If the samples are too few or silent, or the settings do not fit librosa's transform.
    """
    import librosa

    frequencies, hop = cqt_frequencies(settings), settings.hop_length
    count = n_frames(len(samples), settings)
    check_columns(n_columns(count, settings))
    octaves = len(frequencies) // ROWS_PER_OCTAVE
    if hop % 2 ** (octaves - 1):
        raise InputError(
            f"hop_length is {hop}, but a constant-Q picture of {octaves} octaves needs a multiple of "
            f"{2 ** (octaves - 1)}; change hop_length."
        )
    # librosa's column i is at sample i * hop, ours at the middle of a window that begins there.
    first = round(settings.n_fft / 2 / hop)
    padded = np.pad(samples - np.mean(samples), (0, max(0, (first + count) * hop - len(samples))))
    transform = librosa.cqt(
        padded,
        sr=settings.sample_rate,
        hop_length=hop,
        fmin=LOWEST,
        n_bins=len(frequencies),
        bins_per_octave=ROWS_PER_OCTAVE,
    )
    magnitudes = np.abs(transform[:, first : first + count])
    loudest = magnitudes.max()
    if not 0 < loudest < np.inf:
        raise InputError("The samples are silent or not finite numbers, so they have no constant-Q picture.")
    return shortened(np.maximum(log10(magnitudes / loudest), settings.log_floor), settings)


def from_cqt(values: np.ndarray, settings: Settings) -> np.ndarray:
    """Spread a constant-Q picture over the frequencies of a spectrogram, and lengthen it in time.

    Between two rows the logarithm is interpolated along the logarithm of the frequency; what lies
    below the lowest and above the highest row is at the floor.

    Parameters
    ----------
    values : np.ndarray
        As :func:`to_cqt` returns them, ``(n_rows, n_columns)``.
    settings : Settings

    Returns
    -------
    np.ndarray
        Log spectrogram, float32 of shape ``(n_columns * time_zoom, n_bins)``.
    """
    rows = ROWS_PER_OCTAVE * np.log2(
        np.maximum(np.arange(settings.n_fft // 2), 0.5) * settings.sample_rate / settings.n_fft / LOWEST
    )
    inside = (rows >= -0.5) & (rows <= len(values) - 0.5)
    place = np.clip(rows, 0, len(values) - 1)
    below = np.minimum(place.astype(int), len(values) - 2)
    share = (place - below)[:, np.newaxis]
    above_floor = np.asarray(values, dtype=np.float64) - settings.log_floor
    spread = (1 - share) * above_floor[below] + share * above_floor[below + 1]
    spread[~inside] = 0
    return (lengthened(spread, settings) + settings.log_floor).T
