"""Copy detector: a match reached by copying the style (or returning the content) is a failure.

Conventions
-----------
Everything is a normalised cross-correlation: 1 means a copy, at some lag and some loudness; which lag
does not matter.

Metrics
-------
* :func:`waveform_copy` -- of the samples: finds pasted audio (Barry and Kim 2018 look for copies of
  the style by the maximum cross-correlation)
* :func:`picture_copy` -- of the mel images: finds a copy that went through an inversion, which
  makes new phases (the content after the released inversion correlates by 0.03 with the content)
* :func:`patch_copy` -- of pieces of a second: finds a collage of copied pieces in another order

References
----------
S. Barry and Y. Kim, "Style" transfer for musical audio using multiple time-frequency representations,
2018 (openreview BybQ7zWCb).
"""

from collections import OrderedDict

import numpy as np

from audiostyle.study.evaluate.similarity import centred, sliding_correlation
from audiostyle.study.evaluate.sounds import Sound

__all__ = ["evaluate", "patch_copy", "picture_copy", "validate", "waveform_copy"]

_PATCH_SECONDS = 1.0


def validate(a: np.ndarray, b: np.ndarray) -> None:
    """Raise ValueError unless both are arrays of one or two dimensions with the same rows."""
    if a.ndim != b.ndim or a.ndim not in (1, 2) or a.shape[:-1] != b.shape[:-1]:
        raise ValueError(f"Two arrays with the same rows are needed, not {a.shape} and {b.shape}.")


def waveform_copy(samples: np.ndarray, reference: np.ndarray) -> float:
    """Greatest absolute correlation of the samples at any lag with half of the shorter in common [0 .. 1]."""
    validate(samples, reference)
    least = max(1, min(len(samples), len(reference)) // 2)
    a, b = (np.atleast_2d(x - x.mean()) for x in (samples, reference))
    return float(np.abs(sliding_correlation(a, b, least)[1]).max())


def picture_copy(mel: np.ndarray, reference: np.ndarray) -> float:
    """Greatest correlation of what changes in time in two mel images, at any lag with half in common [-1 .. 1]."""
    validate(mel, reference)
    least = max(1, min(mel.shape[1], reference.shape[1]) // 2)
    return float(sliding_correlation(centred(mel), centred(reference), least)[1].max())


def patch_copy(mel: np.ndarray, reference: np.ndarray, column_seconds: float) -> float:
    """Mean over pieces of a second of the greatest correlation with any second of the reference [-1 .. 1].

    The best of many places is well above 0 for unrelated sounds too: compare with the same number of
    content and style.
    """
    validate(mel, reference)
    size = min(round(_PATCH_SECONDS / column_seconds), mel.shape[1], reference.shape[1])
    changes, theirs = centred(mel), centred(reference)
    best = [
        sliding_correlation(changes[:, start : start + size], theirs, size)[1].max()
        for start in range(0, mel.shape[1] - size + 1, size)
    ]
    return float(np.mean(best))


def evaluate(output: Sound, content: Sound, style: Sound) -> "OrderedDict[str, float]":
    """Return every number of this module for one output."""
    references = {"style": style, "content": content}
    scores: OrderedDict[str, float] = OrderedDict()
    for name, sound in references.items():
        scores[f"copy_waveform_{name}"] = waveform_copy(output.samples, sound.samples)
    for name, sound in references.items():
        scores[f"copy_picture_{name}"] = picture_copy(output.mel, sound.mel)
    for name, sound in references.items():
        scores[f"copy_patches_{name}"] = patch_copy(output.mel, sound.mel, output.column_seconds)
    return scores
