"""Logarithm and cosine with the same bits for every numpy on every processor.

numpy has kernels of its own for AVX-512, whose versions in 1.23 and 2.2 differ in the last place of every sixth value,
and elsewhere the C library's.  Taken in long double and rounded once they are one and the same.  Nobody sees that in a
picture, but a spectrogram could not be told by its SHA-256.
"""

import numpy as np

__all__ = ["cos", "log10"]


def log10(values: np.ndarray) -> np.ndarray:
    """Return the logarithms of float64, minus infinity where a value is 0.

    Examples
    --------
    >>> log10(np.array([1.0, 0.01, 0.0]))
    array([  0.,  -2., -inf])
    """
    with np.errstate(divide="ignore"):
        return np.log10(values.astype(np.longdouble)).astype(np.float64)


def cos(values: np.ndarray) -> np.ndarray:
    """Return the cosines of float64.

    Examples
    --------
    >>> cos(np.array([0.0, np.pi]))
    array([ 1., -1.])
    """
    return np.cos(values.astype(np.longdouble)).astype(np.float64)
