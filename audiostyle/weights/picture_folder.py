"""A folder of the user's pictures as network inputs, for measuring mean activations on them."""

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audiostyle.errors import InputError
from audiostyle.files import open_regular, sha256_of_file, shown
from audiostyle.isolation import in_words, isolated
from audiostyle.weights.probes import CHANNEL_MEANS

__all__ = ["find_pictures", "pictures_sha256", "read_pictures"]

# Pillow would open any form whatever the suffix, and start Ghostscript on a stranger's PostScript.
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm")
# As ImageNet pictures are shown to the network: the shorter side to 256, the middle 224 x 224.
_SHORTER_SIDE, _SIZE = 256, 224


def find_pictures(folder: Path) -> list[Path]:
    """Return the pictures in a folder and below it, in order of their names.

    Raises
    ------
    InputError
        If there are none.
    """
    if not folder.is_dir():
        raise InputError(f"The pictures are looked for in {shown(folder)}, but that is no folder; give one.")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    if not paths:
        raise InputError(
            f"The folder {shown(folder)} has no pictures ({', '.join(_SUFFIXES)}); give a folder of photographs."
        )
    return paths


def pictures_sha256(paths: Sequence[Path]) -> str:
    """Return a hash of the set of pictures, whatever their names and order."""
    return hashlib.sha256("".join(sorted(sha256_of_file(path) for path in paths)).encode()).hexdigest()


def read_pictures(paths: Sequence[Path]) -> Iterator[npt.NDArray[np.float32]]:
    """Yield each picture as a network input ``(3, 224, 224)``: blue, green, red, 0 to 255 minus the mean.

    Raises
    ------
    InputError
        If a file is no readable picture, or has far more pixels than photographs have.
    """
    means = np.array(CHANNEL_MEANS, dtype=np.float32)
    for path in paths:
        colours = isolated(_middle_or_refused, path, files=[path])
        yield np.ascontiguousarray((colours[:, :, ::-1] - means).transpose(2, 0, 1))


def _middle_or_refused(path: Path) -> npt.NDArray[np.float32]:
    try:
        return _middle(path)
    except MemoryError:
        raise
    except Exception as error:  # each of Pillow's readers has its own kinds
        raise InputError(f"The picture {shown(path)} cannot be read ({in_words(error)}); remove it.") from error


def _middle(path: Path) -> npt.NDArray[np.float32]:
    """Return the middle of a picture, ``(224, 224, 3)``: red, green, blue, 0 to 255."""
    from PIL import Image

    with warnings.catch_warnings(), open_regular(path) as stream:
        # Beyond 89 million pixels, twice those of a large camera.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        picture = Image.open(stream, formats=_FORMATS)
        side = min(picture.size) * _SIZE / _SHORTER_SIDE
        left, top = ((length - side) / 2 for length in picture.size)
        colours = picture.convert("RGB").resize(
            (_SIZE, _SIZE), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side)
        )
    return np.asarray(colours, dtype=np.float32)
