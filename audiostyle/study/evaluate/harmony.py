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

References
----------
W.-T. Lu and L. Su, Transferring the style of homophonic music using recurrent neural networks and
autoregressive models, ISMIR 2018.

O. Cifka et al., Groove2Groove: one-shot music style transfer with supervision from synthetic data,
IEEE/ACM TASLP 28, 2020.
"""

from collections import OrderedDict

import numpy as np

from audiostyle.study.evaluate.similarity import centred
from audiostyle.study.evaluate.sounds import Sound

__all__ = ["chroma_cosine", "chromagram", "evaluate", "validate"]

_WINDOW_SECONDS = 0.5
# At 22050 Hz 5.4 Hz a bin: a semitone from about 90 Hz on.
_N_FFT = 4096


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


def evaluate(output: Sound, content: Sound, style: Sound) -> "OrderedDict[str, float]":
    """Return every number of this module for one output."""
    chroma = chromagram(output)
    references = {"content": chromagram(content), "style": chromagram(style)}
    scores: OrderedDict[str, float] = OrderedDict()
    for name, reference in references.items():
        scores[f"chroma_cosine_{name}"] = chroma_cosine(chroma, reference)
    for name, reference in references.items():
        scores[f"chroma_change_cosine_{name}"] = chroma_cosine(centred(chroma), centred(reference))
    return scores
