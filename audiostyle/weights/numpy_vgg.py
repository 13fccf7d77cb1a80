"""VGG-19's forward pass in plain numpy: what the weights are measured with, and a second opinion for the tests."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from audiostyle.weights.layers import CONV_LAYERS, POOL_AFTER

__all__ = ["convolve", "forward", "pool"]

_Array = npt.NDArray[np.floating]

# The patches of one stretch of rows are held in memory at a time.
_PATCH_BYTES = 64 * 2**20


def convolve(image: _Array, kernels: _Array, biases: _Array) -> _Array:
    """Correlate `image` with 3 x 3 kernels, zero-padded to the same size, and add the biases.

    Parameters
    ----------
    image : numpy.ndarray
        Shape ``(n_in, height, width)``.
    kernels : numpy.ndarray
        Shape ``(n_out, n_in, 3, 3)``; not flipped (``flip_filters=False``).
    biases : numpy.ndarray
        Shape ``(n_out,)``.

    Returns
    -------
    numpy.ndarray
        Shape ``(n_out, height, width)``, of the image's type.
    """
    n_in, height, width = image.shape
    n_out = kernels.shape[0]
    matrix = kernels.reshape(n_out, n_in * 9).astype(image.dtype, copy=False)
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
    result = np.empty((n_out, height, width), image.dtype)
    rows = max(1, _PATCH_BYTES // (n_in * 9 * width * image.dtype.itemsize))
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        patches = np.empty((n_in, 3, 3, bottom - top, width), image.dtype)
        for y in range(3):
            for x in range(3):
                patches[:, y, x] = padded[:, top + y : bottom + y, x : x + width]
        product = matrix @ patches.reshape(n_in * 9, -1)
        result[:, top:bottom] = product.reshape(n_out, bottom - top, width)
    result += biases.astype(image.dtype, copy=False)[:, np.newaxis, np.newaxis]
    return result


def pool(image: _Array, pooling: str) -> _Array:
    """Pool ``(n_maps, height, width)`` by 2 x 2 blocks (``average`` or ``max``); odd edges are dropped (D4)."""
    n_maps, height, width = image.shape
    blocks = image[:, : height // 2 * 2, : width // 2 * 2].reshape(n_maps, height // 2, 2, width // 2, 2)
    return blocks.mean(axis=(2, 4), dtype=image.dtype) if pooling == "average" else blocks.max(axis=(2, 4))


def forward(
    arrays: Sequence[_Array],
    image: _Array,
    pooling: str = "average",
    last: str = "pool5",
    float_type: str = "float32",
) -> dict[str, _Array]:
    """Run the network on one image.

    Parameters
    ----------
    arrays : sequence of numpy.ndarray
        The 32 arrays W1, b1, W2, ..., in the network's form.
    image : numpy.ndarray
        Shape ``(3, height, width)``: blue, green, red, 0 to 255 minus the mean.
    pooling : {'average', 'max'}
        What the five pooling layers do.
    last : str
        Name of the layer to stop at.
    float_type : {'float32', 'float64'}
        Arithmetic.

    Returns
    -------
    dict of str to numpy.ndarray
        Activations ``(n_maps, height, width)`` of every layer up to `last`, after the rectifier:
        ``conv1_1``, ``conv1_2``, ``pool1``, ...
    """
    current = np.ascontiguousarray(image, dtype=float_type)
    activations: dict[str, _Array] = {}
    for index, layer in enumerate(CONV_LAYERS):
        current = convolve(current, arrays[2 * index], arrays[2 * index + 1])
        np.maximum(current, 0, out=current)
        activations[layer.name] = current
        if layer.name == last:
            break
        if layer.name in POOL_AFTER:
            current = pool(current, pooling)
            activations[POOL_AFTER[layer.name]] = current
            if POOL_AFTER[layer.name] == last:
                break
    return activations
