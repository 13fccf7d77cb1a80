"""Cheap explanations of a difference: what a port most often gets wrong is tried and named."""

import itertools
import math
from collections.abc import Iterator

import numpy as np

from audiostyle.study.stage_names import Stage

__all__ = ["explain"]

# What an explanation leaves of the numbers, relative to their spread.
_LEFT = 1e-3
# ... and of the difference that it explains.
_OF_GAP = 0.05
# Beyond this there would be a copy too many.
_MOST_NUMBERS = 2**22
_SHIFTS = 3
_LEAST_IN_COMMON = 4
_CHANNELS = ("blue", "green", "red")
#: Factors that mean something to whoever reads them; others are given as numbers.
_FACTORS = {
    32768.0: "16-bit integers, not divided by 32768",
    math.log(10): "natural logarithm in place of log10",
    20.0: "decibels in place of log10",
    10.0: "decibels of power in place of log10",
    2.0: "power in place of magnitude, or a missing 1/2",
    0.5: "a factor 1/2 too many",
    3.0: "three channels counted once",
    1 / 3: "one channel counted three times",
    255 / 256: "255 grey levels in place of 256",
}
# A ratio of two numbers that is no whole number up to this says nothing.
_WHOLE = 1000

# Words, what of the first file's numbers they concern, and what of the second's.
Candidate = tuple[str, np.ndarray, np.ndarray]


def explain(stage: Stage, first: np.ndarray, second: np.ndarray) -> list[str]:
    """Name the simple operations that turn the second file's numbers into the first's.

    Parameters
    ----------
    stage : Stage
    first, second : np.ndarray
        Of any shapes.

    Returns
    -------
    list of str
        Such as ``equal if transposed``; empty if none of those tried explains the difference.
    """
    if max(first.size, second.size) > _MOST_NUMBERS or not (np.isfinite(first).all() and np.isfinite(second).all()):
        return []
    first, second = first.astype(np.float64), second.astype(np.float64)
    if not first.ndim:
        return _scaled(first.ravel(), second.ravel())
    found = []
    for words, one, other in itertools.chain(_rearranged(stage, first, second), _moved(stage, first, second)):
        if one.shape == other.shape and _fits(one, other, first, second):
            found.append(words)
    if not found and first.shape == second.shape:
        found = _wrapped(stage, first, second) or _scaled(first.ravel(), second.ravel())
    return found


def _fits(one: np.ndarray, other: np.ndarray, first: np.ndarray, second: np.ndarray) -> bool:
    """Say whether little is left of the difference, and the numbers are not all alike anyway."""
    left, spread = np.linalg.norm(one - other), np.linalg.norm(one - one.mean())
    if not left <= _LEFT * spread:
        return False
    return first.shape != second.shape or bool(left <= _OF_GAP * np.linalg.norm(first - second))


def _rearranged(stage: Stage, first: np.ndarray, second: np.ndarray) -> Iterator[Candidate]:
    """Yield the second's numbers in other orders."""
    if second.ndim == 2:
        yield "equal if transposed", first, second.T
    if second.ndim == 4:
        yield "equal if its channels are moved from the last axis to the second", first, np.moveaxis(second, 3, 1)
        yield "equal if its rows and columns are exchanged", first, second.swapaxes(2, 3)
        for order in itertools.permutations(range(3)) if second.shape[1] == 3 else ():
            names = ", ".join(_CHANNELS[i] for i in order)
            yield f"equal if its channels {names} are taken as blue, green, red", first, second[:, order]
    for axis, name in enumerate(stage.axes.split(", ")[: second.ndim]):
        yield f"equal if reversed along {name}", first, np.flip(second, axis)


def _moved(stage: Stage, first: np.ndarray, second: np.ndarray) -> Iterator[Candidate]:
    """Yield what two arrays have in common if the second is shifted, longer or shorter along an axis."""
    if first.ndim != second.ndim:
        return
    for axis, name in enumerate(stage.axes.split(", ")):
        a, b = first.shape[axis], second.shape[axis]
        for shift in sorted(range(-_SHIFTS, _SHIFTS + 1), key=abs):
            low, high = max(0, -shift), min(a, b - shift)
            if high - low < _LEAST_IN_COMMON:
                continue
            parts = [part.take(range(start, start + high - low), axis) for part, start in (
                (first, low), (second, low + shift))]  # fmt: skip
            if a == b:
                words = f"equal if shifted by {shift:+d} along {name}"
            else:
                whose, before, after = (
                    ("its", low + shift, b - high - shift) if b > a else ("the first's", low, a - high)
                )
                words = f"equal if the first {before} and the last {after} of {whose} {name}s are left out"
            yield words, parts[0], parts[1]


def _wrapped(stage: Stage, first: np.ndarray, second: np.ndarray) -> list[str]:
    """Explain an image whose only fault is what becomes of the level 256 (T1)."""
    if not stage.is_image:
        return []
    wrong = first != second
    if wrong.any() and set(first[wrong]) <= {0.0, 255.0} and set(second[wrong]) <= {0.0, 255.0, 256.0}:
        return ["equal but for the maximum: level 256 becomes 0 in one and not in the other (T1)"]
    return []


def _scaled(first: np.ndarray, second: np.ndarray) -> list[str]:
    """Explain a constant factor, its sign, or a constant that is added."""
    size = np.dot(first, first)
    if not size or not second.any():
        return []
    factor = float(np.dot(first, second) / size)
    left = np.linalg.norm(second - factor * first)
    gap = np.linalg.norm(second - first)
    if abs(factor) > 1e-12 and left <= _LEFT * np.linalg.norm(second) and left <= _OF_GAP * gap:
        if first.size == 1:
            return _meaningful(factor)
        sign = "of the other sign" if abs(factor + 1) < _LEFT else f"{factor:.6g} times the first file's numbers"
        return [sign + _meaning(abs(factor))]
    added = float(np.mean(second - first))
    if first.size > 1 and np.linalg.norm(second - first - added) <= min(
        _LEFT * np.linalg.norm(first - first.mean()), _OF_GAP * gap
    ):
        return [f"the first file's numbers and {added:.6g}"]
    return []


def _meaningful(factor: float) -> list[str]:
    """Explain the ratio of two single numbers, which says something only if it is simple."""
    size = abs(factor)
    whole = round(max(size, 1 / size))
    simple = whole <= _WHOLE and abs(max(size, 1 / size) / whole - 1) < 1e-5
    if not simple and not _meaning(size):
        return []
    text = f"{size:.6g}" if not simple else f"{whole}" if size >= 1 or whole == 1 else f"1/{whole}"
    return [f"{'-' if factor < 0 else ''}{text} times the first file's number{_meaning(size)}"]


def _meaning(factor: float) -> str:
    for known, words in _FACTORS.items():
        if abs(factor / known - 1) < 1e-4:
            return f" ({words})"
    return ""
