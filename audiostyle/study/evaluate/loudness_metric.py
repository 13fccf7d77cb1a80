"""Loudness: how loud is the sound as it is?

The one number that changes when a sound is made louder: :func:`audiostyle.audio.loudness.loudness`, ITU-R
BS.1770-4, of the samples as they were measured (content and style after the band-pass).
"""

from collections import OrderedDict

from audiostyle.audio.loudness import loudness
from audiostyle.study.evaluate.sounds import Sound

__all__ = ["evaluate"]


def evaluate(output: Sound, content: Sound, style: Sound) -> "OrderedDict[str, float]":
    """Return the loudness of one output in LUFS; it is not defined for silence."""
    found = loudness(output.samples, output.sample_rate)
    return OrderedDict(loudness_lufs=found if found > float("-inf") else float("nan"))
