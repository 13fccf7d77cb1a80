"""What a network is, measured from its weights: the published one or not, which way round, trained, normalised.

All three statistics hold for a network and its normalised version alike, or are what tells the two
apart; ``docs/weights.md`` lists their values for the networks they must distinguish.
"""

import hashlib
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audiostyle.weights.layers import CONV_LAYERS
from audiostyle.weights.normalise import measure_mean_activations
from audiostyle.weights.probes import builtin_pictures

__all__ = ["NORMALISED_BELOW", "Activity", "Orientation", "measure_activity", "neighbour_correlation", "orientation"]

_Array = npt.NDArray[np.float32]

# SHA-256 of the signs of conv1_1's kernels of Simonyan and Zisserman's network, packed into bits, in
# the network's form.  Signs survive every positive rescaling of filters and pictures.
_SIGNS_SHA256 = "ee94eaac45aad87f1ab42e942f33839343ab8861a238abf7dc3ee925ab38ae21"

# Normalised networks, remade with various pictures, measure 1.0 to 2.2; others 3.0 (random, conv1_1
# divided by 32) to 166 (the published network as trained).
NORMALISED_BELOW = 2.5

# The first three blocks are enough to tell a trained kernel from a drawn one.
_CORRELATED_LAYERS = 8

# On noise the deeper filters of a trained network are mostly silent, so they tell little.
_LAST_MEASURED = "conv4_4"
_SILENT = 1e-6


class Orientation(NamedTuple):
    """How kernels must be turned to be in the network's form."""

    rgb: bool = False
    transposed: bool = False
    upside_down: bool = False
    mirrored: bool = False

    def apply(self, arrays: Sequence[_Array]) -> list[_Array]:
        """Return the arrays with all kernels turned and the first layer's channels put into order."""
        result = list(arrays)
        for index in range(0, len(result), 2):
            kernels = result[index]
            kernels = kernels[:, ::-1] if self.rgb and index == 0 else kernels
            kernels = kernels.swapaxes(2, 3) if self.transposed else kernels
            kernels = kernels[:, :, :: -1 if self.upside_down else 1, :: -1 if self.mirrored else 1]
            result[index] = np.ascontiguousarray(kernels)
        return result


class Activity(NamedTuple):
    """How a network responds to the built-in pictures.

    Attributes
    ----------
    deviation : float
        The factor by which a filter's mean activation typically differs from 1: in each layer up to
        conv4_4 the median over filters, over the layers the geometric mean, with max or average
        pooling, whichever is nearer to 1.
    first_layer : float
        Mean activation of conv1_1, with max pooling.
    """

    deviation: float
    first_layer: float

    @property
    def normalised(self) -> bool:
        """Whether the mean activations are about 1."""
        return self.deviation < NORMALISED_BELOW


def orientation(kernels: _Array) -> Orientation | None:
    """Say how conv1_1's kernels ``(64, 3, 3, 3)`` lie, if they are the published network's, or return None."""
    for number in range(16):
        turned = Orientation(*(bool(number >> bit & 1) for bit in range(4)))
        signs = np.packbits(turned.apply([kernels])[0] > 0).tobytes()
        if hashlib.sha256(signs).hexdigest() == _SIGNS_SHA256:
            return turned
    return None


def neighbour_correlation(arrays: Sequence[_Array]) -> float:
    """Return how much neighbouring numbers in a kernel resemble each other: about 0 if random, 0.5 if trained.

    The correlation is taken within each 3 x 3 slice, so that no rescaling of filters or inputs changes
    it, and averaged over all slices and then over the layers up to conv3_4.
    """
    means = []
    for kernels in arrays[: 2 * _CORRELATED_LAYERS : 2]:
        energy = np.square(kernels).sum(axis=(2, 3), dtype=np.float64)
        across = (kernels[:, :, :, 1:] * kernels[:, :, :, :-1]).sum(axis=(2, 3), dtype=np.float64)
        down = (kernels[:, :, 1:] * kernels[:, :, :-1]).sum(axis=(2, 3), dtype=np.float64)
        # 12 pairs of neighbours against 9 squares.
        ratio = np.divide((across + down) / 12, energy / 9, out=np.zeros_like(energy), where=energy > 0)
        means.append(ratio.mean())
    return float(np.mean(means))


def measure_activity(arrays: Sequence[_Array]) -> Activity:
    """Measure whether the filters' mean activations are about 1 (see :class:`Activity`)."""
    best, first_layer = math.inf, 0.0
    for pooling in ("max", "average"):
        means = measure_mean_activations(arrays, builtin_pictures(), pooling, last=_LAST_MEASURED)
        deviations = [np.median(np.abs(np.log(np.maximum(mean, _SILENT)))) for mean in means.values()]
        best = min(best, float(np.exp(np.mean(deviations))))
        first_layer = float(means[CONV_LAYERS[0].name].mean())
        if best < NORMALISED_BELOW:
            break
    return Activity(best, first_layer)
