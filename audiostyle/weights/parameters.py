"""What every reader hands over, and what its arrays must be before a network is built from them."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from audiostyle.errors import InputError
from audiostyle.weights.layers import CONV_LAYERS, parameter_names, parameter_shapes

__all__ = [
    "RECORD_KEYS",
    "Found",
    "arrays_sha256",
    "assemble",
    "check_parameters",
    "known_record",
    "layer_of",
    "maps_first",
]

# What this program notes in a file about the weights that it writes: audiostyle.weights.convert says when.
RECORD_KEYS = (
    "made_by",
    "source",
    "source_sha256",
    "normalised_by",
    "mean_activations_sha256",
    "pictures_sha256",
    "arrays_sha256",
)

# Far beyond any trained or rescaled network; squared and summed it still fits a float32.
_LARGEST = 1e9

_DENSE = re.compile(r"(fc[12678]|predictions|classifier\.[036])\b.*", re.DOTALL)
_CONV = re.compile(r"(?:conv|block)(\d)_(?:conv)?(\d)")


class Found(NamedTuple):
    """What a reader found in a file.

    Attributes
    ----------
    form : str
        The form of the file, in words.
    arrays : list
        What stands for W1, b1, W2, ..., with W's axes ``(n_out, n_in, height, width)``; not yet checked.
    channel_order : {'BGR', 'RGB'}
        Order of the picture's channels by the custom of this form.
    fixed : bool
        Whether the form leaves no choice, so that kernels the other way round are a mistake.
    record : dict
        What the file says of itself, for showing only.
    """

    form: str
    arrays: list[Any]
    channel_order: str = "BGR"
    fixed: bool = False
    record: Mapping[str, str] = {}


def known_record(record: Any, own: bool = True) -> dict[str, str]:
    """Return what a file says of itself: printable text under :data:`RECORD_KEYS`, for anybody can write more.

    Parameters
    ----------
    record : object
        What is found where a record should be.
    own : bool
        Whether the file looks as if this program had written it; else there is no record.
    """
    if not own or not isinstance(record, dict):
        return {}
    return {key: ascii(record[key][:200])[1:-1] for key in RECORD_KEYS if isinstance(record.get(key), str)}


def layer_of(text: str) -> str | None:
    """Return ``conv3_2`` for ``conv3_2`` and for Keras' ``block3_conv2``, and None for any other name."""
    match = _CONV.fullmatch(text)
    return f"conv{match[1]}_{match[2]}" if match else None


def assemble(found: Mapping[str, Any], others: Iterable[str], where: str) -> list[Any]:
    """Put arrays found by name into order.

    Parameters
    ----------
    found : mapping of str to object
        Arrays by names as of :func:`~audiostyle.weights.layers.parameter_names`.
    others : iterable of str
        What else the file holds; the dense layers of VGG-19 are passed over.
    where : str
        What to call the file in an error.

    Raises
    ------
    InputError
        If an array is missing or one too many.
    """
    missing = [name for name in parameter_names() if name not in found]
    extra = [name for name in found if name not in parameter_names()]
    extra += [name for name in others if not _DENSE.fullmatch(name)]
    if missing and len(missing) == len(parameter_names()):
        raise InputError(f"{where} has no layer of VGG-19 in it; use a file of VGG-19.")
    if missing or extra:
        what = [f"lacks {_some(missing)}"] if missing else []
        what += [f"has {_some(extra)} too many"] if extra else []
        raise InputError(f"{where} {' and '.join(what)}, so it is not VGG-19; use an unchanged file of VGG-19.")
    return [found[name] for name in parameter_names()]


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(f"{name[:40]!a}" for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def maps_first(kernels: Any) -> Any:
    """Turn kernels ``(3, 3, n_in, n_out)`` into ``(n_out, n_in, 3, 3)`` and leave any others as they are."""
    if getattr(kernels, "ndim", 0) == 4 and kernels.shape[:2] == (3, 3):
        return kernels.transpose(3, 2, 0, 1)
    return kernels


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
    # A copy, so that the bytes of the whole file can be released.
    return np.array(array, dtype=np.float32, order="C")


def arrays_sha256(arrays: Sequence[npt.NDArray[np.float32]]) -> str:
    """Return the SHA-256 of all arrays' little-endian bytes in order, in hexadecimal."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array, dtype="<f4").data)
    return digest.hexdigest()
