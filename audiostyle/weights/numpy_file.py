"""numpy's own files: ``.npz`` with an array for each parameter, and ``.npy`` with a dict of layers."""

import re
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from audiostyle.errors import InputError
from audiostyle.weights.layers import parameter_names
from audiostyle.weights.parameters import Found, assemble, layer_of, maps_first
from audiostyle.weights.plain_pickle import PlainArray, load_plain

__all__ = ["read_npy", "read_npz"]

# conv1_1_W, conv1_1/b, conv1_1.weight, conv1_1_weights:0, block1_conv1_W_1:0, conv1_1_0 (Caffe's first blob) ...
_KEY = re.compile(
    r"((?:conv|block)\d_(?:conv)?\d)(?:[_./-]|/.*/)(W|w|weights?|kernels?|filters?|0|b|bias|biases|1)(?:_\d)?(?::\d)?"
)
_KERNEL_WORDS = ("w", "weight", "weights", "kernel", "kernels", "filter", "filters", "0")
_BIAS_WORDS = ("b", "bias", "biases", "1")


def read_npz(stream: BinaryIO, where: str) -> Found:
    """Read an ``.npz`` file with names such as ``conv1_1_W``, or with ``arr_0`` to ``arr_31`` in the network's order.

    Raises
    ------
    InputError
        If it is not VGG-19.
    """
    found: dict[str, Any] = {}
    others = []
    with np.load(stream, allow_pickle=False) as file:
        for name in file.files:
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
            found[key] = maps_first(file[name])
    return Found("numpy .npz", assemble(found, others, where))


def read_npy(stream: BinaryIO, where: str) -> Found:
    """Read an ``.npy`` file with a dict of layers, each ``[W, b]`` or a dict of the two.

    Raises
    ------
    InputError
        If it is not VGG-19.
    """
    version = npy.read_magic(stream)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read_header(stream)
    # Numpy would give the pickle of an array of objects to Python's unpickler, which executes what it says.
    boxed = load_plain(stream, where) if dtype.hasobject and shape == () else None
    content = boxed.value if isinstance(boxed, PlainArray) else None
    if not isinstance(content, dict):
        raise InputError(f"{where} holds no dict of layers as files of VGG-19 do; use a file of VGG-19.")
    found, others = {}, []
    for name, value in content.items():
        layer = layer_of(str(name)[:80])
        if layer is None:
            others.append(str(name)[:80])
            continue
        kernels, biases = _pair(value, f"{where}, layer {layer},")
        found[f"{layer} W"], found[f"{layer} b"] = maps_first(kernels), biases
    return Found("numpy .npy (dict of layers)", assemble(found, others, where))


def _pair(value: Any, where: str) -> tuple[Any, Any]:
    """Return kernels and biases of one layer's list, tuple or dict."""
    if isinstance(value, dict):
        words = {str(key)[:80].lower(): item for key, item in value.items()}
        kernels = [words[word] for word in _KERNEL_WORDS if word in words]
        biases = [words[word] for word in _BIAS_WORDS if word in words]
        if len(value) == 2 and len(kernels) == len(biases) == 1:
            value = kernels + biases
    if isinstance(value, (list, tuple)) and len(value) == 2:
        kernel, bias = (item.value if isinstance(item, PlainArray) else item for item in value)
        return kernel, bias
    raise InputError(f"{where} is no pair of kernels and biases; use an unchanged file of VGG-19.")
