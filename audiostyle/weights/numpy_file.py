"""numpy's own files: ``.npz`` with an array for each parameter, and ``.npy`` with a dict of layers."""

import ast
import math
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from audiostyle.errors import InputError
from audiostyle.weights.layers import parameter_names
from audiostyle.weights.parameters import Found, assemble, layer_of, maps_first
from audiostyle.weights.unpickler import unpickle
from audiostyle.weights.zip_file import Archive

__all__ = ["MAX_MEMBER_BYTES", "NPY_MAGIC", "read_array", "read_npy", "read_npz"]

NPY_MAGIC = b"\x93NUMPY"

_MAX_HEADER = 10_000
# The largest layer that is read, conv4_2, as float64.
MAX_MEMBER_BYTES = 512 * 512 * 9 * 8 + _MAX_HEADER

# conv1_1_W, conv1_1/b, conv1_1.weight, conv1_1_weights:0, block1_conv1_W_1:0, conv1_1_0 (Caffe's first blob) ...
_KEY = re.compile(
    r"((?:conv|block)\d_(?:conv)?\d)(?:[_./-]|/.*/)(W|w|weights?|kernels?|filters?|0|b|bias|biases|1)(?:_\d)?(?::\d)?"
)
_KERNEL_WORDS = ("w", "weight", "weights", "kernel", "kernels", "filter", "filters", "0")
_BIAS_WORDS = ("b", "bias", "biases", "1")


def read_npz(archive: Archive, where: str) -> Found:
    """Read an ``.npz`` file with names such as ``conv1_1_W``, or with ``arr_0`` to ``arr_31`` in the network's order.

    Parameters
    ----------
    archive : Archive
        The file.
    where : str
        What to call it in an error.

    Raises
    ------
    InputError
        If it is not VGG-19.
    """
    found, others = {}, []
    for member in archive.names:
        name = member.removesuffix(".npy")
        match, position = _KEY.fullmatch(name), re.fullmatch(r"arr_(\d{1,2})", name)
        if match and (layer := layer_of(match[1])):
            key = f"{layer} {'W' if match[2].lower() in _KERNEL_WORDS else 'b'}"
        elif position and int(position[1]) < len(parameter_names()):
            key = parameter_names()[int(position[1])]
        else:
            others.append(name)
            continue
        if key in found:
            raise InputError(f"{where} has {key} twice; use an unchanged file of VGG-19.")
        data = archive.read(member, MAX_MEMBER_BYTES)
        found[key] = maps_first(read_array(data, f"{where}, member {name[:80]!a},"))
    return Found("numpy .npz", assemble(found, others, where))


def read_npy(data: bytes, where: str) -> Found:
    """Read an ``.npy`` file with a dict of layers, each ``[W, b]`` or a dict of the two.

    Parameters
    ----------
    data : bytes
        The file.
    where : str
        What to call it in an error.

    Raises
    ------
    InputError
        If it is not VGG-19.
    """
    descr, _, shape, start = _header(data, where)
    if descr != "|O" or shape != ():
        raise InputError(
            f"{where} holds one plain array, not a dict of layers as files of VGG-19 do; use a file of VGG-19."
        )
    content, _ = unpickle(data, where, start, boxed=True)
    if not isinstance(content, dict):
        raise InputError(f"{where} holds no dict of layers as files of VGG-19 do; use a file of VGG-19.")
    found, others = {}, []
    for name, value in content.items():
        layer = layer_of(str(name))
        if layer is None:
            others.append(str(name))
            continue
        kernels, biases = _pair(value, f"{where}, layer {layer},")
        found[f"{layer} W"], found[f"{layer} b"] = maps_first(kernels), biases
    return Found("numpy .npy (dict of layers)", assemble(found, others, where))


def _pair(value: Any, where: str) -> tuple[Any, Any]:
    """Return kernels and biases of one layer's list, tuple or dict."""
    if isinstance(value, dict):
        words = {str(key).lower(): item for key, item in value.items()}
        kernels = [words[word] for word in _KERNEL_WORDS if word in words]
        biases = [words[word] for word in _BIAS_WORDS if word in words]
        if len(value) == 2 and len(kernels) == len(biases) == 1:
            return kernels[0], biases[0]
    elif isinstance(value, (list, tuple)) and len(value) == 2:
        return value[0], value[1]
    raise InputError(f"{where} is no pair of kernels and biases; use an unchanged file of VGG-19.")


def read_array(data: bytes, where: str) -> npt.NDArray[Any]:
    """Return the array of one ``.npy`` member, whose length must be what its header says.

    Raises
    ------
    InputError
        If it is damaged or holds anything but numbers.
    """
    descr, fortran, shape, start = _header(data, where)
    if not isinstance(descr, str) or not re.fullmatch(r"[<>|=]?[fiu][1248]", descr):
        raise InputError(f"{where} is no array of numbers; use an unchanged file of VGG-19.")
    dtype = np.dtype(descr)
    if math.prod(shape) * dtype.itemsize != len(data) - start:
        raise InputError(
            f"{where} says it has the shape {shape}, but {len(data) - start} bytes of it are there; "
            "it is damaged or cut short, so fetch or copy the file again."
        )
    return np.frombuffer(data, dtype, offset=start).reshape(shape, order="F" if fortran else "C")


def _header(data: bytes, where: str) -> tuple[Any, bool, tuple[int, ...], int]:
    """Return an ``.npy`` file's type, order, shape and the position of its data."""
    try:
        wide = data[6] > 1
        start = 12 if wide else 10
        length = int.from_bytes(data[8:start], "little")
        if data[:6] != NPY_MAGIC or data[6] not in (1, 2, 3) or length > _MAX_HEADER or start + length > len(data):
            raise ValueError
        fields = ast.literal_eval(data[start : start + length].decode("latin-1").strip())
        descr, fortran, shape = fields["descr"], fields["fortran_order"], fields["shape"]
        if not all(type(size) is int and 0 <= size < 2**40 for size in shape) or len(shape) > 8:
            raise ValueError
    except (ValueError, SyntaxError, KeyError, TypeError, IndexError, RecursionError, MemoryError):
        raise InputError(f"{where} is no readable .npy file; it is damaged, so fetch or copy it again.") from None
    return descr, bool(fortran), tuple(shape), start + length
