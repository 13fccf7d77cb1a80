"""How much memory a run will take, before it takes it."""

from audiostyle.settings import Settings

__all__ = ["estimate_memory"]

# Bytes of a process with Theano, Lasagne, scipy and matplotlib and the network's parameters in it.
_BASE = 480 * 2**20
# Numbers kept for each pixel: activations of the forward pass that the gradient needs, and the
# largest temporary. Measured; see docs/performance.md.
_NUMBERS_PER_PIXEL = 1000


def estimate_memory(shape: tuple[int, int], settings: Settings) -> int:
    """Return the expected peak memory of a run in bytes.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image.
    settings : Settings
        ``float_type``.
    """
    size = {"float32": 4, "float64": 8}[settings.float_type]
    return _BASE + shape[0] * shape[1] * _NUMBERS_PER_PIXEL * size
