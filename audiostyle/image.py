"""Values <-> the network's image, both directions side by side.

Forwards: grey levels, then blue, green and red less their means.  Backwards: one channel, cut to
grey levels, then values in the range of one of the clips.  All this module knows of sound is how many
frequencies a spectrogram has.
"""

from collections.abc import Mapping

import numpy as np

from audiostyle.errors import InputError
from audiostyle.settings import Settings

__all__ = ["image_to_tensor", "rescale_image", "tensor_to_values", "values_to_image"]

Range = tuple[float, float]

# Means of VGG's training images in blue, green, red order (imgUtils.py:5).
_BGR_MEANS = np.array([104, 117, 123]).reshape(3, 1, 1)
_CHANNELS = {"blue": 0, "green": 1, "red": 2}
_LEVELS = 256
# What skimage estimated in 2017, by an SVD, where 2 and 0.5 are exact, for ten seconds.  The last bits
# tell where the result is a whole number: 8 pixels of the paper's content clip are 123 less 3e-12, and
# truncation makes 122 of them (T2).  With these bits the shrunk images are the authors' to the last one.
_ESTIMATED: dict[tuple[tuple[int, ...], tuple[int, int]], tuple[Range, Range]] = {
    ((1712, 1024), (856, 512)): ((2 + 2**-50, 0.5 + 5 * 2**-44), (2 + 2**-51, 0.5 - 2**-41))
}


def values_to_image(values: np.ndarray, settings: Settings) -> tuple[np.ndarray, Range]:
    """Quantise values to grey levels (run.py:90-93, 158-161).

    The arithmetic is done in the type of `values`: float32 for mel, float64 for spectrograms (T3).

    Parameters
    ----------
    values : np.ndarray
        Values of shape ``(height, width)``.
    settings : Settings
        ``quantise_rounding`` (T2); ``quantise_maximum``: what becomes of the level 256 that the
        maximum gets (T1).

    Returns
    -------
    tuple
        The image, uint8 of shape ``(height, width)``, and the range ``(low, high)`` of the values.

    Raises
    ------
    InputError
        If all values are equal, or some are not finite.

    Examples
    --------
    The maximum would be level 256, which a byte does not hold (T1):

    >>> values = np.array([[-4.0, -2.0, 0.0]], dtype=np.float32)
    >>> image, value_range = values_to_image(values, Settings())
    >>> image.tolist(), value_range
    ([[0, 128, 0]], (-4.0, 0.0))
    >>> values_to_image(values, Settings(quantise_maximum="clip"))[0].tolist()
    [[0, 128, 255]]
    """
    low, high = values.min(), values.max()
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise InputError(
            f"The spectrogram's values run from {low:g} to {high:g}, which makes no image; is the clip silent?"
        )
    levels = _whole((values - low) / (high - low) * _LEVELS, settings).astype(np.int64)
    levels = np.minimum(levels, _LEVELS - 1) if settings.quantise_maximum == "clip" else levels % _LEVELS
    return levels.astype(np.uint8), (float(low), float(high))


def image_to_tensor(image: np.ndarray, settings: Settings) -> np.ndarray:
    """Turn a grey image into the network's input (imgUtils.py:20-27).

    Parameters
    ----------
    image : np.ndarray
        Grey levels of shape ``(height, width)``.
    settings : Settings
        For the spectrogram representation ``spec_zoom`` shrinks the image first.

    Returns
    -------
    np.ndarray
        float32 of shape ``(1, 3, h, w)``: the same image three times, less the mean of blue, green
        and red.

    Examples
    --------
    >>> image_to_tensor(np.full((1, 2), 128, np.uint8), Settings())[0, :, 0, 0].tolist()
    [24.0, 11.0, 5.0]
    """
    if settings.representation == "spectrogram":
        image = rescale_image(image, settings)
    return (image[np.newaxis] - _BGR_MEANS).astype(np.float32)[np.newaxis]


def tensor_to_values(tensor: np.ndarray, value_ranges: Mapping[str, Range], settings: Settings) -> np.ndarray:
    """Turn the network's image back into values (imgUtils.py:30-33, run.py:106-111, 171-173).

    Parameters
    ----------
    tensor : np.ndarray
        The network's image, of shape ``(1, 3, h, w)``.
    value_ranges : mapping of str to (float, float)
        Lowest and highest value of ``content`` and of ``style``, as :func:`values_to_image` returns
        them; ``denormalise_range`` chooses (D10).
    settings : Settings
        ``output_channel`` (T4), ``quantise_rounding`` (T2), ``spec_zoom``.

    Returns
    -------
    np.ndarray
        ``(h, w)`` float32 for mel and mfcc.  For the spectrogram float64, enlarged by ``spec_zoom``,
        with exactly ``n_fft // 2`` frequencies.

    Examples
    --------
    >>> tensor = image_to_tensor(np.array([[0, 64, 128]], np.uint8), Settings())
    >>> ranges = {"content": (-4.0, 0.0), "style": (-3.0, 0.0)}
    >>> tensor_to_values(tensor, ranges, Settings()).tolist()
    [[-4.0, -3.0, -2.0]]
    """
    grey = np.clip(np.asarray(tensor)[0] + _BGR_MEANS, 0, _LEVELS - 1)
    channel = grey.mean(axis=0) if settings.output_channel == "mean" else grey[_CHANNELS[settings.output_channel]]
    # Mel values were float32 before they were quantised, spectrograms float64 (T3).
    kind = np.dtype(np.float64 if settings.representation == "spectrogram" else np.float32)
    low, high = np.array(_chosen_range(value_ranges, settings), dtype=kind)
    values = low + (high - low) * _whole(channel, settings).astype(kind) / kind.type(_LEVELS)
    if settings.representation != "spectrogram":
        return values
    shape = [size * zoom for size, zoom in zip(values.shape, _zooms(settings), strict=True)]
    shape[0 if settings.spec_orientation == "time_columns" else 1] = settings.n_fft // 2
    return _resize(values, (shape[0], shape[1]), settings)


def rescale_image(image: np.ndarray, settings: Settings) -> np.ndarray:
    """Shrink a spectrogram's image by ``spec_zoom`` (run.py:96-98, D6).

    Parameters
    ----------
    image : np.ndarray
        Grey levels of shape ``(height, width)``.
    settings : Settings
        ``spec_zoom``, ``spec_zoom_axes``, ``spec_edges``, ``spec_orientation``.

    Returns
    -------
    np.ndarray
        float64 of shape ``(height / spec_zoom, width / spec_zoom)``, not rounded again.
    """
    height, width = (round(size / zoom) for size, zoom in zip(image.shape, _zooms(settings), strict=True))
    return _resize(image, (height, width), settings)


def _zooms(settings: Settings) -> tuple[int, int]:
    """By how much the image's height and width are shrunk."""
    if settings.spec_zoom_axes == "both":
        return settings.spec_zoom, settings.spec_zoom
    along_time = settings.spec_zoom**2
    return (1, along_time) if settings.spec_orientation == "time_columns" else (along_time, 1)


def _whole(levels: np.ndarray, settings: Settings) -> np.ndarray:
    return np.rint(levels) if settings.quantise_rounding == "round" else np.trunc(levels)


def _chosen_range(value_ranges: Mapping[str, Range], settings: Settings) -> Range:
    if settings.denormalise_range != "mean":
        return value_ranges[settings.denormalise_range]
    (low, high), (other_low, other_high) = value_ranges["content"], value_ranges["style"]
    return (low + other_low) / 2, (high + other_high) / 2


def _resize(image: np.ndarray, shape: tuple[int, int], settings: Settings) -> np.ndarray:
    """Resize by bicubic interpolation, as skimage's ``rescale`` did in 2017 (T5).

    There was no smoothing before shrinking, what lies outside was zero, and the result was clipped to
    the image's own range; today's ``rescale`` differs by up to 16 grey levels.
    """
    image = np.asarray(image, dtype=np.float64)
    if image.shape == shape:
        return image
    import skimage.transform

    down, along = image.shape[0] / shape[0], image.shape[1] / shape[1]
    exact = (along, along / 2 - 0.5), (down, down / 2 - 0.5)
    (along, right), (down, lower) = _ESTIMATED.get((image.shape, shape), exact)
    matrix = np.array([[along, 0, right], [0, down, lower], [0, 0, 1]])
    resized = skimage.transform.warp(
        image,
        skimage.transform.AffineTransform(matrix=matrix),
        output_shape=shape,
        order=3,
        mode="constant" if settings.spec_edges == "zero" else "edge",
        cval=0,
        clip=False,
        preserve_range=True,
    )
    # Today's ``clip=True`` would let a spectrogram, which is below 0, rise to the 0 that lies outside.
    return np.clip(resized, image.min(), image.max())
