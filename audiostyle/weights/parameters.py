"""What every reader's arrays must be before a network is built from them."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from audiostyle.errors import InputError
from audiostyle.weights.layers import CONV_LAYERS, parameter_names, parameter_shapes

__all__ = ["arrays_sha256", "check_parameters"]

# Far beyond any trained or rescaled network; squared and summed it still fits a float32.
_LARGEST = 1e9


def check_parameters(arrays: Sequence[Any], where: str) -> list[npt.NDArray[np.float32]]:
    """Check the 32 arrays of a network and bring them to float32, C-contiguous.

    Parameters
    ----------
    arrays : sequence of numpy.ndarray
        W1, b1, W2, ... in the network's form: W ``(n_out, n_in, 3, 3)``, b ``(n_out,)``.
    where : str
        What to call the file in an error.

    Returns
    -------
    list of numpy.ndarray
        32 float32 arrays; float64 ones are rounded, others are refused.

    Raises
    ------
    InputError
        If a layer is missing or too many, or a shape, a type or a value is not a VGG-19's.
    """
    if len(arrays) != 2 * len(CONV_LAYERS):
        raise InputError(
            f"{where} holds {len(arrays)} arrays, but the {len(CONV_LAYERS)} convolutions of VGG-19 have "
            f"{2 * len(CONV_LAYERS)} (a kernel and a bias each); use a file of VGG-19, not of another network."
        )
    return [
        _check(array, shape, name, where)
        for array, shape, name in zip(arrays, parameter_shapes(), parameter_names(), strict=True)
    ]


def _check(array: Any, shape: tuple[int, ...], name: str, where: str) -> npt.NDArray[np.float32]:
    if not isinstance(array, np.ndarray):
        raise InputError(
            f"{where} has no array for {name}, but a {type(array).__name__}; use a complete file of VGG-19."
        )
    if array.dtype.newbyteorder("=") not in (np.float32, np.float64):
        raise InputError(
            f"{where} stores {name} as {array.dtype.name}, but float32 (or float64) is expected; "
            "use the original file, not a reduced copy."
        )
    if not array.dtype.isnative:
        raise InputError(
            f"{where} stores {name} big-endian, which no known file of VGG-19 is; "
            "rewrite it little-endian if you trust it, or use the original file."
        )
    if array.shape != shape:
        transposed = array.ndim == 4 and sorted(array.shape) == sorted(shape)
        raise InputError(
            f"{where} has {name} of the shape {array.shape}, but {shape} is expected"
            + (" (the axes are transposed)" if transposed else "")
            + "; use an unchanged file of VGG-19."
        )
    # Checked before rounding: a float64 beyond float32 would become infinite.
    if not np.isfinite(array).all() or np.abs(array).max() > _LARGEST:
        raise InputError(
            f"{where} has values in {name} that are not finite or above {_LARGEST:g}; "
            "the file is damaged, so fetch or copy it again."
        )
    return np.ascontiguousarray(array, dtype=np.float32)


def arrays_sha256(arrays: Sequence[npt.NDArray[np.float32]]) -> str:
    """Return the SHA-256 of all arrays' little-endian bytes in order, in hexadecimal."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array, dtype="<f4").data)
    return digest.hexdigest()
