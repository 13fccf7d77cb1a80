"""The Lasagne pickle: the form of the paper's ``vgg19_normalized.pkl`` and of Lasagne's ``vgg19.pkl``."""

from typing import Any, BinaryIO

import numpy as np

from audiostyle.errors import InputError
from audiostyle.weights.layers import CONV_LAYERS
from audiostyle.weights.parameters import Found, known_record
from audiostyle.weights.plain_pickle import PlainArray, load_plain

__all__ = ["LASAGNE_PICKLE", "RECORD_KEY", "read_lasagne"]

#: What this form is called.
LASAGNE_PICKLE = "Lasagne pickle"

# Where this program notes how a pickle was made; the authors' code looks at `param values` alone.
RECORD_KEY = "audiostyle"

# fc6, fc7 and fc8 of Lasagne's vgg19.pkl, inputs first; this network has no use for them.
_DENSE_SHAPES = [(25088, 4096), (4096,), (4096, 4096), (4096,), (4096, 1000), (1000,)]


def read_lasagne(stream: BinaryIO, where: str) -> Found:
    """Read a pickled dict with ``param values``: 32 arrays, or 38 with the dense layers.

    Raises
    ------
    InputError
        If it is another pickle.
    """
    content = load_plain(stream, where)
    values = content.get("param values") if isinstance(content, dict) else None
    if not isinstance(values, (list, tuple)):
        raise InputError(
            f"{where} is a pickle, but not a dict with 'param values' as Lasagne's VGG-19 files are; "
            "use vgg19_normalized.pkl or another form that `weights info` knows."
        )
    arrays = [value.value if isinstance(value, PlainArray) else value for value in values]
    n_conv, n_all = 2 * len(CONV_LAYERS), 2 * len(CONV_LAYERS) + len(_DENSE_SHAPES)
    if len(arrays) not in (n_conv, n_all) or not all(map(_is_dense, arrays[n_conv:], _DENSE_SHAPES)):
        raise InputError(
            f"{where} has {len(arrays)} arrays in 'param values', but VGG-19 has {n_conv}, or {n_all} with its dense "
            "layers; use a file of VGG-19."
        )
    return Found(LASAGNE_PICKLE, arrays[:n_conv], fixed=True, record=known_record(content.get(RECORD_KEY)))


def _is_dense(array: Any, shape: tuple[int, ...]) -> bool:
    """Say whether this is a dense layer's array, whichever axis is first."""
    return isinstance(array, np.ndarray) and array.shape in (shape, shape[::-1])
