"""A VGG-19 made from a seed, for runs and tests without a download.

Random filters see texture too (Ustyuzhaninov et al. 2016), and nothing has to be fetched.  As drawn,
though, its style terms are ten orders above every other term (T24); it is therefore normalised as the
paper's weights are, so that the paper's loss weights mean something.
"""

import numpy as np
import numpy.typing as npt

from audiostyle.weights.layers import CONV_LAYERS
from audiostyle.weights.normalise import measure_mean_activations, normalise
from audiostyle.weights.probes import builtin_pictures

__all__ = ["RANDOM_SEED", "he_network", "random_network"]

# The seed of ``--weights random``.  It is not the run's seed, which draws only the start image.
RANDOM_SEED = 0

# Near-dead filters would be blown up, and one of them would then outweigh a whole style layer; the
# least mean activation that a filter is divided by is this share of its layer's median.
_LEAST_SHARE = 0.1


def he_network(seed: int) -> list[npt.NDArray[np.float32]]:
    """Draw the 32 arrays of a network: kernels of standard deviation sqrt(2 / (9 n_in)) (He et al. 2015), no bias."""
    generator = np.random.RandomState(seed)
    arrays: list[npt.NDArray[np.float32]] = []
    for layer in CONV_LAYERS:
        kernels = generator.standard_normal((layer.n_out, layer.n_in, 3, 3)) * np.sqrt(2 / (9 * layer.n_in))
        arrays += [kernels.astype(np.float32), np.zeros(layer.n_out, np.float32)]
    return arrays


def random_network(seed: int = RANDOM_SEED) -> list[npt.NDArray[np.float32]]:
    """Return the 32 arrays of :func:`he_network`, normalised on the built-in pictures with average pooling (D4).

    The same seed gives the same bits: the activations are measured in float64 and rounded far above
    what two BLAS libraries or numbers of threads could differ by.
    """
    arrays = he_network(seed)
    means = measure_mean_activations(arrays, builtin_pictures(), "average", float_type="float64")
    floored = {name: np.maximum(mean, _LEAST_SHARE * np.median(mean)) for name, mean in means.items()}
    return normalise(arrays, {name: _rounded(mean) for name, mean in floored.items()})


def _rounded(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Round to 10 bits; exact, unlike rounding to decimal digits."""
    mantissa, exponent = np.frexp(values)
    rounded: npt.NDArray[np.float64] = np.ldexp(np.round(mantissa * 2**10), exponent - 10)
    return rounded
