"""Images made again from a file's own values: a last bit in a mel spectrogram is no fault of the image.

Grey levels are cut off, so a value that differs in its last bit may be one level off.  What a port's
image step does is therefore seen by giving it the port's own values.
"""

from typing import Any

import numpy as np

from audiostyle.audio.representation import spectrogram_to_values
from audiostyle.errors import InputError
from audiostyle.image import image_to_tensor, rescale_image, values_to_image
from audiostyle.settings import Settings
from audiostyle.study.stage_file import StageReader
from audiostyle.study.stage_names import IMAGES

__all__ = ["is_off_by_levels", "made_again", "settings_of"]

# An image of an hour's clip.
_MOST_NUMBERS = 2**25
# A power of ten has at least 64 grey levels, as no value is below the floor of -4.
_LEVELS_PER_POWER = 64


def settings_of(readers: tuple[StageReader, ...]) -> Settings:
    """Return the settings that the first file with readable ones has, else those its stages speak for."""
    for reader in readers:
        record: Any = reader.attribute("settings")
        if isinstance(record, dict):
            try:
                return Settings.from_record(record)
            except (InputError, TypeError):
                continue
    spectrogram = any(name.endswith("/rescaled") for reader in readers for name in reader.names)
    return Settings(representation="spectrogram" if spectrogram else "mel")


def is_off_by_levels(differing: int, size: int, largest: float, tolerance: float) -> bool:
    """Say whether grey levels differ only as rounding would make them.

    Values within `tolerance` move at most a share of ``64 * tolerance`` of the pixels to the next level;
    a single pixel is always allowed.

    Parameters
    ----------
    differing, size : int
        Pixels that differ, and all of them.
    largest : float
        In grey levels.
    tolerance : float
        Of the values that the image was made of, in powers of ten.
    """
    return largest <= 1 and differing <= max(1, _LEVELS_PER_POWER * tolerance * size)


def made_again(reader: StageReader, name: str, settings: Settings) -> tuple[np.ndarray, str] | None:
    """Return an image, a shrunk image or a tensor as this package makes it from the file's own stage before it.

    Parameters
    ----------
    reader : StageReader
    name : str
        ``content/image``, ``style/rescaled``, ...
    settings : Settings

    Returns
    -------
    tuple of np.ndarray and str, or None
        The array and the name of the stage it was made of; None if the file lacks that stage, or nothing
        can be made of it.
    """
    role, _, kind = name.rpartition("/")
    spectrogram = settings.representation == "spectrogram"
    if kind == "tensor":
        source = "rescaled" if spectrogram else "image"
    else:
        source = {"rescaled": "image", "image": settings.representation}.get(kind, "")
    before = f"{role}/{source}"
    if before not in reader.names or int(np.prod(reader.shape(before))) > _MOST_NUMBERS:
        return None
    values = reader.read(before)
    try:
        if name in IMAGES:
            # In the type that the released code quantises in (T3).
            values = spectrogram_to_values(values, settings) if spectrogram else values.astype(np.float32)
            return values_to_image(values, settings)[0], before
        if kind == "rescaled":
            return rescale_image(values, settings), before
        # Not from the image again in spectrogram mode: the shrunk one is there.
        return image_to_tensor(values, Settings()), before
    except InputError:
        return None
