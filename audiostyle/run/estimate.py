"""How much memory a run will take, before it takes it."""

from audiostyle.settings import Settings

__all__ = ["estimate_memory"]

# Measured (docs/performance.md).  Two stages can hold the most: the network, whose activations grow
# with the image, and the making of the sound, whose frames grow with the clip.
_NETWORK_BASE, _NETWORK_PER_PIXEL = 0.75 * 2**30, 2.65 * 2**10
_SOUND_BASE, _SOUND_PER_SECOND = 0.87 * 2**30, 0.0405 * 2**30


def estimate_memory(shape: tuple[int, int], settings: Settings) -> int:
    """Return the expected peak memory of a run in bytes.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image.
    settings : Settings
        ``float_type``, ``duration``.
    """
    words = {"float32": 1, "float64": 2}[settings.float_type]
    network = _NETWORK_BASE + shape[0] * shape[1] * _NETWORK_PER_PIXEL * words
    return round(max(network, _SOUND_BASE + settings.duration * _SOUND_PER_SECOND))
