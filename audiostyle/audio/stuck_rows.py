"""Stuck rows: rows of the mel image that are too bright all the time, and buzz (Figure 3 c).

"Entire rows (i.e. frequencies) are erroneously optimized to higher values ... a consistent, painful
buzzing sound" (section 4.2): high where it should not be, and all the time.  A row's excess is its
level above the median of the four rows below and the four above it, at the same moment, in dB; stuck
is what keeps an excess of 3 dB for nine tenths of the time.  Partials of music stand out more than
that, but not for so long; noise and silence do not stand out.
"""

import dataclasses

import numpy as np

from audiostyle.audio.mel import mel_filters, to_mel
from audiostyle.audio.spectrogram import log_spectrogram, n_frames
from audiostyle.settings import Settings

__all__ = ["Buzz", "find_buzz", "neighbours", "row_excess", "stuck_rows", "validate"]

#: Neighbours on each side that a row is compared with.
NEIGHBOURS = 4
#: A row is stuck that stands out by this much ...
STUCK_DECIBELS = 3.0
#: ... in all but this percentage of the columns.
PERCENTILE = 10.0


@dataclasses.dataclass(frozen=True)
class Buzz:
    """What is stuck in a sound.

    Attributes
    ----------
    index_db : float
        The excess that the worst row keeps, in dB; negative where no row stands out for long.
    hertz : tuple of float
        Middle frequency of every stuck row, from the lowest up; empty as a rule.
    """

    index_db: float
    hertz: tuple[float, ...]

    @property
    def sentence(self) -> str:
        """What the user should know, and do; empty where nothing is stuck."""
        if not self.hertz:
            return ""
        low, high = min(self.hertz), max(self.hertz)
        where = f"at {low:.0f} Hz" if len(self.hertz) == 1 else f"from {low:.0f} to {high:.0f} Hz"
        rows = "One row of the result buzzes" if len(self.hertz) == 1 else f"{len(self.hertz)} rows of the result buzz"
        return (
            f"{rows} {where}, {self.index_db:.1f} dB over the rows around; it is chance, and another --seed has most "
            "often none."
        )


def find_buzz(samples: np.ndarray, sample_rate: int) -> Buzz | None:
    """Measure a finished sound in the released mel image, whatever image it was made by.

    Parameters
    ----------
    samples : np.ndarray ``(n_samples,)``
        Any scale, not silent.
    sample_rate : int
        In Hz.

    Returns
    -------
    Buzz or None
        None if the sound is too short for a mel image.
    """
    analysis = Settings()
    if sample_rate != analysis.sample_rate:
        import librosa

        samples = librosa.resample(samples, orig_sr=sample_rate, target_sr=analysis.sample_rate, res_type="soxr_hq")
    if n_frames(len(samples), analysis) < 3 * analysis.time_zoom:
        return None
    mel = to_mel(log_spectrogram(samples, analysis), analysis).astype(np.float64)
    kept = _kept(mel)
    spacing = analysis.sample_rate / analysis.n_fft
    middles = spacing * mel_filters(analysis)[0].T @ np.arange(analysis.n_fft // 2)
    return Buzz(float(kept.max()), tuple(middles[kept >= STUCK_DECIBELS].tolist()))


def validate(mel: np.ndarray) -> None:
    """Raise ValueError unless it is a mel image with rows to compare."""
    if mel.ndim != 2 or len(mel) < NEIGHBOURS + 1 or not mel.shape[1]:
        raise ValueError(f"A mel image of more than {NEIGHBOURS} rows is needed, not {mel.shape}.")


def neighbours(row: int, n_rows: int) -> list[int]:
    """Return the rows that `row` is compared with, fewer at the edges."""
    return [other for other in range(max(0, row - NEIGHBOURS), min(n_rows, row + NEIGHBOURS + 1)) if other != row]


def row_excess(mel: np.ndarray) -> np.ndarray:
    """Level of each pixel above the median of its eight neighbours in the same column, in dB; shape of `mel`."""
    validate(mel)
    return 20 * np.array([mel[row] - np.median(mel[neighbours(row, len(mel))], axis=0) for row in range(len(mel))])


def stuck_rows(mel: np.ndarray) -> tuple[float, int, int]:
    """Return the stuck-row index in dB, the number of stuck rows, and the row that is stuck most.

    For each row, the tenth percentile of its excess over time: it stands out by that much or more in
    nine tenths of the columns.  The index is the greatest of them; negative where no row stands out
    for long, as it should be.  Rows of at least 3 dB are counted.

    Parameters
    ----------
    mel : np.ndarray ``(n_mels, n_columns)``
        log10 of magnitudes.

    Examples
    --------
    One row of sixteen stands 0.5 (10 dB) over its neighbours all the time:

    >>> mel = np.full((16, 100), -2.0)
    >>> mel[5] += 0.5
    >>> index, count, row = stuck_rows(mel)
    >>> round(index, 6), count, row
    (10.0, 1, 5)
    """
    kept = _kept(mel)
    return float(kept.max()), int(np.sum(kept >= STUCK_DECIBELS)), int(np.argmax(kept))


def _kept(mel: np.ndarray) -> np.ndarray:
    """Return the excess ``(n_mels,)`` in dB that each row keeps for nine tenths of the time."""
    return np.percentile(row_excess(mel), PERCENTILE, axis=1)
