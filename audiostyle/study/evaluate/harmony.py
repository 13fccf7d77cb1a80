"""Harmony: does the output have the pitch classes of the content, at the same moments?

Conventions
-----------
A chromagram is ``(12, n_columns)``: how much of each pitch class, C first, sounds in each column,
each column with sum 1, averaged over half a second.

Metrics
-------
* :func:`chroma_cosine` -- mean cosine between averaged chromagrams: the content score of Lu and Su
  2018 and of Groove2Groove (Cifka et al. 2020)
* the same after each pitch class's mean in time is taken away, ``chroma_change_cosine``: two clips in
  the same key have a high plain cosine at any moment; here they have 0
* :func:`chroma_dtw` -- the cosine along the best path through both, for which notes may be early or late
* :func:`key_distance` -- steps on the circle of fifths between the keys that :func:`key` finds

References
----------
C. L. Krumhansl, Cognitive Foundations of Musical Pitch, Oxford 1990: the profiles of keys.

W.-T. Lu and L. Su, Transferring the style of homophonic music using recurrent neural networks and
autoregressive models, ISMIR 2018.

O. Cifka et al., Groove2Groove: one-shot music style transfer with supervision from synthetic data,
IEEE/ACM TASLP 28, 2020.
"""

from collections import OrderedDict

import numpy as np

from audiostyle.study.evaluate.similarity import centred
from audiostyle.study.evaluate.sounds import Sound

__all__ = ["chroma_cosine", "chroma_dtw", "chromagram", "evaluate", "key", "key_distance", "validate"]

_WINDOW_SECONDS = 0.5
# At 22050 Hz 5.4 Hz a bin: a semitone from about 90 Hz on.
_N_FFT = 4096
# How well each pitch class fits a key, from the tonic on (Krumhansl and Kessler 1982).
_MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
_MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])


def validate(chroma: np.ndarray, reference: np.ndarray) -> None:
    """Raise ValueError unless both are ``(12, n_columns)`` of equal shape."""
    if chroma.shape != reference.shape or chroma.ndim != 2 or len(chroma) != 12:
        raise ValueError(f"Two chromagrams (12, n_columns) are needed, not {chroma.shape} and {reference.shape}.")


def chromagram(sound: Sound) -> np.ndarray:
    """Averaged chromagram ``(12, n_columns)`` of a sound (librosa; tuned to 440 Hz, so the same for all sounds)."""
    import librosa
    import scipy.ndimage

    level = float(np.sqrt(np.mean(sound.samples**2)))
    chroma = librosa.feature.chroma_stft(
        y=sound.samples / level if level > 0 else sound.samples,
        sr=sound.sample_rate,
        hop_length=sound.hop,
        n_fft=_N_FFT,
        tuning=0.0,
        norm=None,
    ).astype(np.float64)
    sums = chroma.sum(axis=0)
    chroma = np.divide(chroma, sums, out=np.zeros_like(chroma), where=sums > 1e-12)
    window = max(1, round(_WINDOW_SECONDS / sound.column_seconds))
    return scipy.ndimage.uniform_filter1d(chroma, window, axis=1, mode="nearest")


def chroma_cosine(chroma: np.ndarray, reference: np.ndarray) -> float:
    """Mean over time of the cosine between the columns of two chromagrams [-1 .. 1] (Lu and Su 2018).

    Columns in which one of the two is zero are left out; NaN if none is left.
    """
    validate(chroma, reference)
    sizes = np.linalg.norm(chroma, axis=0) * np.linalg.norm(reference, axis=0)
    heard = sizes > 1e-12
    if not heard.any():
        return float("nan")
    return float(np.mean(np.sum(chroma * reference, axis=0)[heard] / sizes[heard]))


def chroma_dtw(chroma: np.ndarray, reference: np.ndarray, step: int) -> float:
    """Mean cosine between two chromagrams along the path of dynamic time warping that costs least [0 .. 1].

    Parameters
    ----------
    chroma, reference : np.ndarray
        ``(12, n_columns)``; silent columns are left out, and NaN is returned if none is left.
    step : int
        Only every so many columns are compared.
    """
    import librosa

    validate(chroma, reference)
    mine, theirs = (matrix[:, ::step][:, np.linalg.norm(matrix[:, ::step], axis=0) > 1e-12]
                    for matrix in (chroma, reference))  # fmt: skip
    if not (mine.size and theirs.size):
        return float("nan")
    mine, theirs = (matrix / np.linalg.norm(matrix, axis=0) for matrix in (mine, theirs))
    cosines = mine.T @ theirs
    _, path = librosa.sequence.dtw(C=1 - cosines)
    return float(cosines[path[:, 0], path[:, 1]].mean())


def key(chroma: np.ndarray) -> tuple[int, bool]:
    """Return the tonic (0 for C) and whether the key is minor: the profile that correlates best (Krumhansl 1990)."""
    mean = chroma.mean(axis=1)
    profiles = {(tonic, minor): np.roll(_MINOR if minor else _MAJOR, tonic) for minor in (False, True)
                for tonic in range(12)}  # fmt: skip
    return max(profiles, key=lambda one: float(np.corrcoef(mean, profiles[one])[0, 1]))


def key_distance(one: tuple[int, bool], other: tuple[int, bool]) -> int:
    """Steps on the circle of fifths between two keys [0 .. 6], a minor key standing beside its relative major."""
    # A fifth is 7 semitones, and 7 * 7 is 1 modulo 12: the place on the circle is 7 times the tonic.
    places = [7 * (tonic + 3 * minor) for tonic, minor in (one, other)]
    apart = (places[0] - places[1]) % 12
    return min(apart, 12 - apart)


def evaluate(output: Sound, content: Sound, style: Sound) -> "OrderedDict[str, float]":
    """Return every number of this module for one output."""
    chroma = chromagram(output)
    references = {"content": chromagram(content), "style": chromagram(style)}
    scores: OrderedDict[str, float] = OrderedDict()
    for name, reference in references.items():
        scores[f"chroma_cosine_{name}"] = chroma_cosine(chroma, reference)
    for name, reference in references.items():
        scores[f"chroma_change_cosine_{name}"] = chroma_cosine(centred(chroma), centred(reference))
    step = max(1, round(_WINDOW_SECONDS / 2 / output.column_seconds))
    for name, reference in references.items():
        scores[f"chroma_dtw_{name}"] = chroma_dtw(chroma, reference, step)
    for name, reference in references.items():
        heard = chroma.any() and reference.any()
        scores[f"key_distance_{name}"] = float(key_distance(key(chroma), key(reference))) if heard else float("nan")
    return scores
