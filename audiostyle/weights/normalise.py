"""Gatys' normalisation: every filter rescaled so that its mean activation over pictures and positions is 1.

Gatys, Ecker and Bethge (2015) rescale the network so; it is possible without changing what the
network computes because it holds only convolutions, rectifiers and pooling, all of which pass a
positive factor through.  The paper's loss weights mean something only for such weights.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from audiostyle.weights.layers import CONV_LAYERS
from audiostyle.weights.numpy_vgg import forward

__all__ = ["DEAD_BELOW", "measure_mean_activations", "normalise"]

_Array = npt.NDArray[np.floating]

# A filter whose mean activation is below this is dead (one is, in conv4_1 of the ImageNet network)
# and keeps its scale.
DEAD_BELOW = 0.01


def measure_mean_activations(
    arrays: Sequence[_Array],
    pictures: Iterable[_Array],
    pooling: str,
    last: str = "conv5_4",
    float_type: str = "float32",
) -> dict[str, npt.NDArray[np.float64]]:
    """Measure each filter's mean activation after the rectifier, over pictures and positions.

    Parameters
    ----------
    arrays : sequence of numpy.ndarray
        The 32 arrays.
    pictures : iterable of numpy.ndarray
        Network inputs ``(3, height, width)``; each position counts the same, so large pictures count more.
    pooling : {'average', 'max'}
        Pooling of the network while measuring.
    last : str
        The convolution to stop at.
    float_type : {'float32', 'float64'}
        Arithmetic of the network.

    Returns
    -------
    dict of str to numpy.ndarray
        ``conv1_1`` ... `last`, each float64 ``(n_out,)``.
    """
    names = [layer.name for layer in CONV_LAYERS]
    totals = {layer.name: np.zeros(layer.n_out) for layer in CONV_LAYERS[: names.index(last) + 1]}
    positions = dict.fromkeys(totals, 0)
    for picture in pictures:
        activations = forward(arrays, picture, pooling, last, float_type)
        for name in totals:
            totals[name] += activations[name].sum(axis=(1, 2), dtype=np.float64)
            positions[name] += activations[name][0].size
    return {name: totals[name] / positions[name] for name in totals}


def normalise(arrays: Sequence[_Array], means: Mapping[str, _Array]) -> list[npt.NDArray[np.float32]]:
    """Rescale a network by its filters' mean activations.

    W'[o, i] = W[o, i] * mean_before[i] / mean[o] and b'[o] = b[o] / mean[o], where mean_before is the
    previous layer's mean (1 for the image) and a mean below :data:`DEAD_BELOW` counts as 1.

    Parameters
    ----------
    arrays : sequence of numpy.ndarray
        The 32 arrays of the network whose means these are.
    means : mapping of str to numpy.ndarray
        Mean activation of each filter of each layer, as measured.

    Returns
    -------
    list of numpy.ndarray
        32 float32 arrays; computed in float64 and rounded once.
    """
    result: list[npt.NDArray[np.float32]] = []
    before: np.ndarray = np.ones(CONV_LAYERS[0].n_in)
    for index, layer in enumerate(CONV_LAYERS):
        mean = np.where(means[layer.name] < DEAD_BELOW, 1.0, means[layer.name])
        kernels = arrays[2 * index] * before[:, np.newaxis, np.newaxis] / mean[:, np.newaxis, np.newaxis, np.newaxis]
        result += [kernels.astype(np.float32), (arrays[2 * index + 1] / mean).astype(np.float32)]
        before = mean
    return result
