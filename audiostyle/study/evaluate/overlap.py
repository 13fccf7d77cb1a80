"""Overlap of pictures: are the content's bright areas still where they were?

Conventions
-----------
Mel images of equal shape.  The released inversion writes everything a little early (half an inverse
frame, 512 samples, and what the sliding adds, T10 and T11), so pictures are compared at the best of
the lags -6 .. 6 columns (70 ms); a positive lag means that the output is early.

Metrics
-------
* :func:`mel_correlation` -- Pearson's r of all pixels at the best lag, and that lag
* ``mel_change_correlation`` -- the same after each row's mean in time is taken away.  Two different
  clips have a high plain correlation already, because both have more bass than treble
* :func:`bright_overlap` -- Jaccard index of the brightest tenth of the pixels, with its level of
  chance: the same for the output turned round in time by all amounts of a second and more
"""

from collections import OrderedDict

import numpy as np

from audiostyle.study.evaluate.similarity import aligned, centred, pearson
from audiostyle.study.evaluate.sounds import Sound

__all__ = ["MOST_LAG", "best_lag", "bright", "bright_overlap", "evaluate", "mel_correlation", "validate"]

#: Lags are tried up to this many columns.
MOST_LAG = 6
#: Share of the pixels that count as bright.
BRIGHT = 0.1
_FAR_SECONDS = 1.0


def validate(mel: np.ndarray, reference: np.ndarray) -> None:
    """Raise ValueError unless both are mel images of equal shape with columns left at every lag."""
    if mel.ndim != 2 or mel.shape != reference.shape:
        raise ValueError(f"Two mel images of equal shape are needed, not {mel.shape} and {reference.shape}.")
    if mel.shape[1] < 2 * MOST_LAG + 2:
        raise ValueError(f"A mel image of {mel.shape[1]} columns is too short to compare.")


def best_lag(mel: np.ndarray, reference: np.ndarray) -> tuple[int, float]:
    """Return the lag in columns at which two mel images correlate best, and that correlation.

    0 and NaN if one of them is constant.
    """
    validate(mel, reference)
    lags = range(-MOST_LAG, MOST_LAG + 1)
    values = [pearson(*aligned(mel, reference, lag, MOST_LAG)) for lag in lags]
    if np.isnan(values).all():
        return 0, float("nan")
    best = int(np.nanargmax(values))
    return lags[best], values[best]


def mel_correlation(mel: np.ndarray, reference: np.ndarray) -> float:
    """Pearson's r of the pixels of two mel images at their best lag [-1 .. 1] (metric list B.2, Figure 3 d)."""
    return best_lag(mel, reference)[1]


def bright(mel: np.ndarray) -> np.ndarray:
    """Mark the brightest tenth of the pixels, ``(n_mels, n_columns)`` bool; ties with the last of them too."""
    count = max(1, round(BRIGHT * mel.size))
    return mel >= np.partition(mel, mel.size - count, axis=None)[mel.size - count]


def bright_overlap(mel: np.ndarray, reference: np.ndarray, column_seconds: float) -> tuple[float, float, float]:
    """Return the Jaccard index of the bright pixels of two mel images, its level by chance, and its rank.

    Figure 3 d is said to keep "some of the same bright areas of the content".  Since low rows are
    bright in every sound, an overlap means something only beside that of the same pictures at
    unrelated times.  The output is turned round in time by every number of columns; the overlap is
    the best at lags up to 6, so chance is the best among as many neighbouring lags, everywhere else.

    Returns
    -------
    tuple of float
        ``(overlap, chance, rank)``: [0 .. 1]; the mean over shifts of a second and more [0 .. 1]; and
        the share of those shifts with a smaller overlap [0 .. 1].  Chance and rank are NaN for sounds too short to
        be turned that far.
    """
    import scipy.fft
    import scipy.ndimage

    validate(mel, reference)
    mine, theirs = bright(mel), bright(reference)
    product = np.sum(
        scipy.fft.rfft(theirs.astype(float), axis=1) * scipy.fft.rfft(mine.astype(float), axis=1).conj(), axis=0
    )
    n_columns = mel.shape[1]
    both = np.rint(scipy.fft.irfft(product, n_columns))
    overlaps = both / (mine.sum() + theirs.sum() - both)
    best = scipy.ndimage.maximum_filter1d(overlaps, 2 * MOST_LAG + 1, mode="wrap")
    # The same distance from the filter's window on both sides, since the shifts go round.
    far = MOST_LAG + max(MOST_LAG + 1, round(_FAR_SECONDS / column_seconds))
    others = best[far : n_columns - far + 1]
    if not len(others):
        return float(best[0]), float("nan"), float("nan")
    return float(best[0]), float(others.mean()), float(np.mean(others < best[0]))


def evaluate(output: Sound, content: Sound, style: Sound) -> "OrderedDict[str, float]":
    """Return every number of this module for one output."""
    references = {"content": content.mel, "style": style.mel}
    scores: OrderedDict[str, float] = OrderedDict()
    for name, mel in references.items():
        lag, scores[f"mel_correlation_{name}"] = best_lag(output.mel, mel)
        scores[f"mel_lag_columns_{name}"] = float(lag)
    for name, mel in references.items():
        scores[f"mel_change_correlation_{name}"] = mel_correlation(centred(output.mel), centred(mel))
    for name, mel in references.items():
        overlap, chance, rank = bright_overlap(output.mel, mel, output.column_seconds)
        scores[f"bright_overlap_{name}"] = overlap
        scores[f"bright_overlap_{name}_chance"] = chance
        scores[f"bright_overlap_{name}_rank"] = rank
    return scores
