"""A folder of the user's pictures as network inputs, for measuring mean activations on them."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audiostyle.errors import InputError
from audiostyle.weights.probes import CHANNEL_MEANS

__all__ = ["find_pictures", "pictures_sha256", "read_pictures"]

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
        raise InputError(f"The pictures are looked for in {os.fspath(folder)!r}, but that is no folder; give one.")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    if not paths:
        raise InputError(
            f"The folder {os.fspath(folder)!r} has no pictures ({', '.join(_SUFFIXES)}); give a folder of photographs."
        )
    return paths


def pictures_sha256(paths: Sequence[Path]) -> str:
    """Return a hash of the set of pictures, whatever their names and order."""
    return hashlib.sha256("".join(sorted(_file_sha256(path) for path in paths)).encode()).hexdigest()


def read_pictures(paths: Sequence[Path]) -> Iterator[npt.NDArray[np.float32]]:
    """Yield each picture as a network input ``(3, 224, 224)``: blue, green, red, 0 to 255 minus the mean.

    Raises
    ------
    InputError
        If a file is no readable picture.
    """
    from PIL import Image, UnidentifiedImageError

    means = np.array(CHANNEL_MEANS, dtype=np.float32)
    for path in paths:
        try:
            with Image.open(path) as picture:
                side = min(picture.size) * _SIZE / _SHORTER_SIDE
                left, top = ((length - side) / 2 for length in picture.size)
                colours = picture.convert("RGB").resize(
                    (_SIZE, _SIZE), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side)
                )
        except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            raise InputError(
                f"The picture {os.fspath(path)!r} cannot be read ({error}); remove it from the folder."
            ) from None
        values = np.asarray(colours, dtype=np.float32)[:, :, ::-1] - means
        yield np.ascontiguousarray(values.transpose(2, 0, 1))


def _file_sha256(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"The picture {os.fspath(path)!r} cannot be read ({error.strerror}); remove it from the folder."
        ) from None
