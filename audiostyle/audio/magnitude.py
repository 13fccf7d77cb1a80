"""Magnitudes of complex numbers with the same bits for every numpy.

Without AVX-512 numpy took them from the C library's ``hypot`` until 1.23.  A newer one has a kernel of its own for
every processor, which rounds otherwise; on AVX-512 all have that kernel.
"""

import importlib

import numpy as np

__all__ = ["magnitude"]


def magnitude(values: np.ndarray) -> np.ndarray:
    """Return ``abs(values)`` of complex128 as numpy 1.23 does on this processor.

    Examples
    --------
    >>> magnitude(np.array([3 + 4j, -1j]))
    array([5., 1.])
    """
    sizes: np.ndarray = np.hypot(values.real, values.imag) if _TAKES_HYPOT else np.abs(values)
    return sizes


def _takes_hypot() -> bool:
    version = tuple(map(int, np.__version__.split(".")[:2]))
    core = "numpy.core" if version < (2, 0) else "numpy._core"
    features = importlib.import_module(f"{core}._multiarray_umath").__cpu_features__
    return version >= (1, 24) and not features.get("AVX512F", False)


_TAKES_HYPOT = _takes_hypot()
