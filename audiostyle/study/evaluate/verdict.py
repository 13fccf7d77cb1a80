"""Two lines on a result: in what it is nearer to the style than the content is, and what of the content is lost.

The rules are few and the same for all, so that they can be argued with:

* *Nearer* is an aspect in which the result has gone a quarter or more of the way from the content's own number to the
  style's.
* *Lost* is an aspect of the content of which less than a tenth is left.  1 is what the content itself has (after image
  and inversion with no transfer, if that was measured: the transfer cannot keep more), 0 what the style has, an
  unrelated clip.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from audiostyle.study.evaluate.measured_files import Row

__all__ = ["LOST_BELOW", "NEARER_FROM", "Verdict", "judge"]

#: The share of the way from content to style, and the share of the content that is left.
NEARER_FROM, LOST_BELOW = 0.25, 0.1

_TO_STYLE = {
    "timbre": "mfcc_frechet_style",
    "rhythm": "row_ac_r_style",
    "onset spacing": "inter_onset_divergence_style",
    "harmonic structure": "column_ac_r_style",
}
_OF_CONTENT = {
    "harmony": "chroma_change_cosine_content",
    "beat": "beat_spectrum_cosine_content",
    "course of the picture": "mel_change_correlation_content",
    "bright areas": "bright_overlap_content",
}


class Verdict(NamedTuple):
    """What the two lines say.

    Attributes
    ----------
    nearer, lost : tuple of str
        Names of aspects.
    """

    nearer: tuple[str, ...]
    lost: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, str]:
        """The two lines."""
        return (
            f"Nearer to the style than the content is: {', '.join(self.nearer) or 'nothing'}.",
            f"Lost of the content: {', '.join(self.lost) or 'nothing'}.",
        )


def judge(row: Row, scale: Sequence[Row]) -> Verdict:
    """Return the verdict on a result.

    Parameters
    ----------
    row : Row
        The result.
    scale : sequence of Row
        Content, style and, if there is one, the content after inversion.
    """
    of = {one.role: one.metrics() for one in scale}
    result, whole = row.metrics(), of.get("content_inverted", of["content"])
    nearer = [
        aspect for aspect, name in _TO_STYLE.items() if _share(name, result, of["content"], of["style"]) >= NEARER_FROM
    ]
    lost = [aspect for aspect, name in _OF_CONTENT.items() if _share(name, result, of["style"], whole) < LOST_BELOW]
    return Verdict(tuple(nearer), tuple(lost))


def _share(name: str, result: Mapping[str, float], none: Mapping[str, float], all_of_it: Mapping[str, float]) -> float:
    """Return how far a number is from `none` (0) to `all_of_it` (1); NaN where these are the same."""
    way = all_of_it[name] - none[name]
    return (result[name] - none[name]) / way if way else math.nan
