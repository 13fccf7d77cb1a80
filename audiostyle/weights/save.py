"""Writing weights: a pickle that the authors' Python 2 code loads, and HDF5 with everything that is known."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from audiostyle.files import replacing
from audiostyle.weights.hdf5_file import MEANS, OWN_FORMAT
from audiostyle.weights.lasagne_file import RECORD_KEY
from audiostyle.weights.layers import CONV_LAYERS
from audiostyle.weights.parameters import arrays_sha256

__all__ = ["FORMATS", "save_weights"]

FORMATS = ("pickle", "h5")

_Arrays = Sequence[npt.NDArray[np.float32]]
_Means = Mapping[str, npt.NDArray[np.float64]]


def save_weights(
    path: Path, arrays: _Arrays, form: str, record: Mapping[str, str], means: _Means | None = None
) -> None:
    """Write weights, whole or not at all.

    Parameters
    ----------
    path : pathlib.Path
        The file, replaced if it is there.
    arrays : sequence of numpy.ndarray
        The 32 arrays in the network's form.
    form : {'pickle', 'h5'}
        ``pickle``: protocol 2, a dict with ``param values`` as the authors' code wants it.
    record : mapping of str to str
        How the weights were made (ASCII).
    means : mapping of str to numpy.ndarray, optional
        The mean activations they were normalised with; kept in ``h5`` only.

    Raises
    ------
    InputError
        If `path` is a folder, a device or a link.
    RunError
        If the system refuses to write.
    """
    record = {**record, "arrays_sha256": arrays_sha256(arrays)}
    with replacing(path, "The weights") as part, open(part, "w+b") as file:
        if form == "pickle":
            _write_pickle(file, arrays, record)
        else:
            _write_hdf5(file, arrays, record, means)


def _write_pickle(file: BinaryIO, arrays: _Arrays, record: Mapping[str, str]) -> None:
    """Write the opcodes that Python 2's own pickle writes for these arrays.

    Python 3's pickle would wrap each array's bytes in a text that has to be encoded again on loading.
    """
    file.write(b"\x80\x02}(")
    file.write(_text("param values") + b"](")
    for array in arrays:
        raw = np.ascontiguousarray(array, dtype="<f4").tobytes()
        shape = b"(" + b"".join(b"J" + struct.pack("<i", size) for size in array.shape) + b"t"
        # _reconstruct(ndarray, (0,), 'b'), then its state: (1, shape, dtype, False, bytes)
        file.write(b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + _text("b") + b"\x87R")
        # dtype('f4', 0, 1), then its state: (3, '<', None, None, None, -1, -1, 0)
        dtype = b"cnumpy\ndtype\n" + _text("f4") + b"K\x00K\x01\x87R(K\x03" + _text("<") + b"NNN"
        dtype += b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        file.write(b"(K\x01" + shape + dtype + b"\x89T" + struct.pack("<i", len(raw)))
        file.write(raw)
        file.write(b"tb")
    file.write(b"e" + _text(RECORD_KEY) + b"}(")
    for key, value in record.items():
        file.write(_text(key) + _text(value))
    file.write(b"uu.")


def _text(text: str) -> bytes:
    raw = text.encode("ascii", "replace")[:255]
    return b"U" + struct.pack("<B", len(raw)) + raw


def _write_hdf5(file: BinaryIO, arrays: _Arrays, record: Mapping[str, str], means: _Means | None) -> None:
    import h5py

    with h5py.File(file, "w") as target:
        for key, value in {"format": OWN_FORMAT, **record}.items():
            # Of fixed length, which is simpler to read and harder to abuse.
            target.attrs[key] = np.bytes_(value)
        for index, layer in enumerate(CONV_LAYERS):
            target[f"{layer.name}/W"] = arrays[2 * index]
            target[f"{layer.name}/b"] = arrays[2 * index + 1]
            if means is not None:
                target[f"{MEANS}/{layer.name}"] = means[layer.name]
