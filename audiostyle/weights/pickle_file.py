"""The Lasagne pickle: the form of the paper's ``vgg19_normalized.pkl`` and of Lasagne's ``vgg19.pkl``."""

from typing import Any

import numpy as np

from audiostyle.errors import InputError
from audiostyle.weights.layers import CONV_LAYERS
from audiostyle.weights.parameters import Found
from audiostyle.weights.unpickler import unpickle

__all__ = ["RECORD_KEY", "read_lasagne"]

# Where this program notes how a pickle was made; the authors' code looks at `param values` alone.
RECORD_KEY = "audiostyle"

# fc6, fc7 and fc8 of Lasagne's vgg19.pkl, inputs first; this network has no use for them.
_DENSE_SHAPES = [(25088, 4096), (4096,), (4096, 4096), (4096,), (4096, 1000), (1000,)]


def read_lasagne(data: bytes, where: str) -> Found:
    """Read a pickled dict with ``param values``: 32 arrays, or 38 with the dense layers.

    Parameters
    ----------
    data : bytes
        The file.
    where : str
        What to call it in an error.

    Returns
    -------
    Found
        Its record is what :mod:`~audiostyle.weights.save` added beside the arrays, if it wrote the file.

    Raises
    ------
    InputError
        If it is no such pickle.
    """
    content, _ = unpickle(data, where)
    values = content.get("param values") if isinstance(content, dict) else None
    if not isinstance(values, (list, tuple)):
        raise InputError(
            f"{where} is a pickle, but not a dict with 'param values' as Lasagne's VGG-19 files are; "
            "use vgg19_normalized.pkl or another form that `weights info` knows."
        )
    n_conv = 2 * len(CONV_LAYERS)
    dense = values[n_conv:]
    if len(values) not in (n_conv, n_conv + len(_DENSE_SHAPES)) or any(
        not isinstance(value, np.ndarray) or value.shape not in (shape, shape[::-1])
        for value, shape in zip(dense, _DENSE_SHAPES, strict=False)
    ):
        raise InputError(
            f"{where} has {len(values)} arrays in 'param values', but VGG-19 has {n_conv}, or "
            f"{n_conv + len(_DENSE_SHAPES)} with its dense layers; use a file of VGG-19."
        )
    record = content.get(RECORD_KEY)
    return Found(
        "Lasagne pickle",
        list(values[:n_conv]),
        fixed=True,
        record={str(key): _text(value) for key, value in record.items()} if isinstance(record, dict) else {},
    )


def _text(value: Any) -> str:
    return bytes(value).decode("latin-1")[:200] if isinstance(value, memoryview) else str(value)[:200]
