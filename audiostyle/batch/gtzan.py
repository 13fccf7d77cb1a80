"""Clips in folders by genre, as GTZAN has them, and pairs drawn from them that can be drawn again.

GTZAN (Tzanetakis and Cook, 2002) is 1000 clips in ten folders; any folder of folders will do.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from audiostyle.errors import InputError
from audiostyle.files import reason, shown

__all__ = ["Pair", "clips_by_label", "draw_pairs", "fault_of_clip"]

#: Content and style, each with its label.
Pair = tuple[Path, str, Path, str]

# What the tarball, Kaggle's copy and others call the folder that the genres are in.
_INNER = ("genres", "genres_original")
_SOUNDS = (".au", ".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav")
# Whose headers libsndfile reads, so that one that is broken is known at once.
_READABLE = (".au", ".flac", ".ogg", ".wav")
_NUMBERED = re.compile(r"([a-z]+)\.(\d{5})")
# The clips that Kereliuk, Sturm and Larsen (2015, arXiv 1507.04761) leave out, for reasons that Sturm (2013, arXiv
# 1306.1461) catalogues: replicas, excerpts of one recording, versions of one song, distortion.
_LEFT_OUT: dict[str, set[int]] = {
    "classical": {42},
    "country": {8, 52},
    "disco": {38, 50, 51, 55, 60, 71, 98},
    "hiphop": {1, 39, 46, 47, 48, 49, 50, 76},
    "jazz": {*range(33, 41), *range(42, 47)},
    "metal": {4, 34, *range(40, 46), 58},
    "pop": {15, 21, 22, 30, 37, 45, 47, 48, 51, 52, 54, 56, 57, 67, 68, 87},
    "reggae": {3, 5, 7, 8, 10, 13, 33, 41, 73, 75, 80, 81, 86, 91},
}
_PAPERS = {"reggae": 7}


def clips_by_label(folder: str | os.PathLike[str]) -> dict[str, list[Path]]:
    """Return the clips of each folder in `folder`, or in its ``genres`` or ``genres_original``.

    Raises
    ------
    InputError
        If there are none.
    """
    root = Path(folder)
    root = next((root / name for name in _INNER if (root / name).is_dir()), root)
    try:
        labels = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
        found = {path.name: sorted(filter(_is_clip, path.iterdir())) for path in labels}
    except OSError as error:
        raise InputError(f"The folder {shown(root)} cannot be read: {reason(error)}.") from error
    found = {label: clips for label, clips in found.items() if clips}
    if not found:
        raise InputError(
            f"There are no clips in the folders of {shown(root)}; a folder for each genre or group is expected, with "
            f"sounds ({', '.join(_SOUNDS)}) in it."
        )
    return found


def fault_of_clip(clip: Path) -> str:
    """Say what is known against a clip, or nothing.

    Examples
    --------
    >>> fault_of_clip(Path("genres/rock/rock.00017.wav"))
    ''
    >>> print(fault_of_clip(Path("genres/reggae/reggae.00007.mp3")))
    it is left out of GTZAN's fault-filtered set (arXiv 1507.04761), though it is the paper's own style clip
    """
    if clip.suffix.lower() in _READABLE and clip.exists():
        import soundfile

        try:
            soundfile.info(os.fsencode(clip))
        except (soundfile.SoundFileError, OSError, ValueError):
            return "it cannot be read as sound"
    match = _NUMBERED.match(clip.name)
    if not match or int(match[2]) not in _LEFT_OUT.get(match[1], ()):
        return ""
    papers = ", though it is the paper's own style clip" if _PAPERS.get(match[1]) == int(match[2]) else ""
    return f"it is left out of GTZAN's fault-filtered set (arXiv 1507.04761){papers}"


def draw_pairs(
    contents: Mapping[str, Sequence[Path]],
    styles: Mapping[str, Sequence[Path]],
    per_pair: int | None,
    same_label: bool = False,
    seed: int = 0,
) -> Iterator[Pair]:
    """Draw pairs for every two labels.

    Each pair has a number of its own, made from the seed and the two names; the lowest are drawn.  So the same folder
    and seed give the same pairs on every machine, more of them include the fewer, and another genre changes nothing.

    Parameters
    ----------
    contents, styles : mapping of str to sequence of Path
        Clips by label.
    per_pair : int or None
        How many for each two labels; None is all there are.
    same_label : bool
        Whether a label is paired with itself, too.
    seed : int
    """
    for content_label, content_clips in contents.items():
        for style_label, style_clips in styles.items():
            if content_label == style_label and not same_label:
                continue
            pairs = [(content, style) for content in content_clips for style in style_clips if content != style]
            if per_pair is not None:
                pairs = sorted(sorted(pairs, key=lambda pair: _number(seed, *pair))[:per_pair])
            for content, style in pairs:
                yield content, content_label, style, style_label


def _number(seed: int, content: Path, style: Path) -> bytes:
    names = (name for clip in (content, style) for name in (clip.parent.name, clip.stem))
    return hashlib.sha256("\0".join((str(seed), *names)).encode("utf-8", "surrogateescape")).digest()


def _is_clip(path: Path) -> bool:
    # macOS leaves ._rock.00017.wav and the like, which are no sounds.
    return path.suffix.lower() in _SOUNDS and not path.name.startswith(".") and path.is_file()
