"""Powers of ten in float32, by the C library: the same bits with every numpy.

numpy called the C library's ``powf`` until 1.23.  Since then it has a kernel of its own for AVX-512, which gives
a fifth of the values one unit in the last place away; the released inversion repeats that 21 times and does not
forget it: its samples differ by 7e-6 after one iteration, and in the end by more than the recordings allow.
"""

import functools
from typing import Any

import numpy as np

__all__ = ["power_of_ten", "powf"]

_NUMPY_CALLS_POWF = tuple(map(int, np.__version__.split(".")[:2])) < (1, 24)


def power_of_ten(exponents: np.ndarray) -> np.ndarray:
    """Return ``10 ** exponents`` in the type of the exponents.

    Examples
    --------
    >>> power_of_ten(np.array([-1, 0, 2.5], dtype=np.float32))
    array([1.0000000e-01, 1.0000000e+00, 3.1622775e+02], dtype=float32)
    """
    ten = exponents.dtype.type(10)
    if exponents.dtype != np.float32 or _NUMPY_CALLS_POWF:
        return np.power(ten, exponents)
    powers: np.ndarray = powf()(ten, exponents)
    return powers


@functools.cache
def powf() -> Any:
    """Return the C library's ``powf`` as a function of arrays, compiled: ctypes takes 20 times as long for a clip."""
    import ctypes

    import numba

    function = ctypes.CDLL(None).powf  # Python itself is linked to the C library's mathematics
    function.restype, function.argtypes = ctypes.c_float, [ctypes.c_float, ctypes.c_float]

    def call(base: float, exponent: float) -> float:
        return function(base, exponent)

    return numba.vectorize(["float32(float32, float32)"])(call)
