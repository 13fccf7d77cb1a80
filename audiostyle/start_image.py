"""Where descent starts: noise as the authors' seed would have drawn it (T15), or a picture, or a blend."""

import numpy as np

from audiostyle.settings import Settings

__all__ = ["start_image"]

# The authors' code initialises sixteen convolution layers at random before it loads their weights
# (vggnet.py), so that many numbers of numpy's generator are gone: sum of out * in * 9.
_GLOROT_DRAWS = 20_018_880


def start_image(height: int, width: int, settings: Settings, picture: np.ndarray | None = None) -> np.ndarray:
    """Return the first image: uniform noise in -128 .. 128, or a picture with a share of it.

    Parameters
    ----------
    height, width : int
        Size in pixels.
    settings : Settings
        ``seed``; with ``start='released'`` the numbers that the authors' code draws and throws away
        (the network's initial weights, one whole image, imageTransfer.py:46) are skipped.
        ``start_noise`` is the share of noise that is blended into `picture`.
    picture : np.ndarray ``(1, 3, height, width)``, optional
        A network image to start from, that of the content or where an earlier run ended; needed for
        ``start='content'``.

    Returns
    -------
    np.ndarray ``(1, 3, height, width)`` of the settings' ``float_type``
    """
    shape = (1, 3, height, width)
    random = np.random.RandomState(settings.seed)
    if picture is None and settings.start == "content":
        raise ValueError("start='content' needs the content's image.")
    if picture is None and settings.start == "released":
        to_skip = _GLOROT_DRAWS + int(np.prod(shape))
        while to_skip:
            to_skip -= random.random_sample(min(to_skip, 1_000_000)).size
    noise = random.uniform(-128, 128, shape)
    if picture is not None:
        noise = (1 - settings.start_noise) * picture + settings.start_noise * noise
    return noise.astype(settings.float_type)
