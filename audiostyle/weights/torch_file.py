"""State dicts of PyTorch (``.pth``), read without torch: the zip form and the older one of pickles and raw data."""

import functools
import math
import re
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from audiostyle.errors import InputError
from audiostyle.weights.layers import CONV_LAYERS
from audiostyle.weights.parameters import Found, assemble, layer_of
from audiostyle.weights.plain_pickle import Storage, Tensor, load_plain

__all__ = ["FEATURES_FORM", "LEGACY_MAGIC", "read_torch_legacy", "read_torch_zip"]

# Protocol 2, the whole number 0x1950a86a20f9469cfc6c, stop: how every file of the older form begins.
LEGACY_MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."

FEATURES_FORM = "PyTorch state dict with torchvision's names"

# Position of each convolution in torchvision's list of layers, in which rectifiers and pooling count.
_PLACES = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
_FEATURES = {place: layer.name for place, layer in zip(_PLACES, CONV_LAYERS, strict=True)}
_KEY = re.compile(r"(?:module\.)?(?:features\.(\d+)|(conv\d_\d))\.(weight|bias)")

_TYPES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8"}

_ReadStorage = Callable[[Storage], bytes]


def read_torch_zip(archive: zipfile.ZipFile, where: str) -> Found:
    """Read the state dict of a zip archive with ``data.pkl`` and one member for each storage.

    Raises
    ------
    InputError
        If it is no state dict of VGG-19.
    """
    (pickled,) = (name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl")
    folder = pickled.removesuffix("data.pkl")
    if f"{folder}byteorder" in archive.namelist():
        _check_byte_order(archive.read(f"{folder}byteorder").strip() == b"little", where)
    with archive.open(pickled) as stream:
        state = load_plain(stream, where)

    # Consecutive tensors may lie in one storage.
    @functools.lru_cache(maxsize=1)
    def read_storage(storage: Storage) -> bytes:
        return archive.read(f"{folder}data/{storage.key}")

    return _from_state(state, read_storage, "zip", where)


def read_torch_legacy(stream: BinaryIO, where: str) -> Found:
    """Read the state dict of a file of five pickles followed by each storage's length and raw data.

    Raises
    ------
    InputError
        If it is no state dict of VGG-19.
    """
    _, version, system, state, keys = (load_plain(stream, where) for _ in range(5))
    if version != 1001 or not isinstance(system, dict) or not isinstance(keys, list):
        raise _no_state_dict(where)
    _check_byte_order(system.get("little_endian") is True, where)
    storages = {tensor.storage.key: tensor.storage for tensor in _tensors(state, where).values()}
    content: dict[str, bytes] = {}
    for key in keys:
        # Not every object can be looked for: the hash of a tuple of tuples of ... takes for ever.
        if not isinstance(key, str) or key not in storages:
            raise _cut_short(where)
        size = int.from_bytes(stream.read(8), "little") * np.dtype(_code(storages[key].type_name, where)).itemsize
        content[key] = stream.read(size)

    return _from_state(state, lambda storage: content.get(storage.key, b""), "older form", where)


def _check_byte_order(little: bool, where: str) -> None:
    if not little:
        raise InputError(f"{where} is big-endian, which no known file of VGG-19 is; use the original file.")


def _from_state(state: Any, read_storage: _ReadStorage, container: str, where: str) -> Found:
    found, others = {}, []
    tensors = _tensors(state, where)
    for name, tensor in tensors.items():
        match = _KEY.fullmatch(name)
        layer = (_FEATURES.get(int(match[1])) if match[1] else layer_of(match[2])) if match else None
        if match and layer:
            found[f"{layer} {'W' if match[3] == 'weight' else 'b'}"] = _read(tensor, read_storage, name, where)
        else:
            others.append(name)
    features = any(name.startswith(("features.", "module.features.")) for name in tensors)
    form = FEATURES_FORM if features else "PyTorch state dict"
    return Found(f"{form} ({container})", assemble(found, others, where))


def _tensors(state: Any, where: str) -> Mapping[str, Tensor]:
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if isinstance(state, dict) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()):
        return state
    raise _no_state_dict(where)


def _code(type_name: str, where: str) -> str:
    if type_name not in _TYPES:
        raise InputError(
            f"{where} stores its numbers as torch's {type_name[:40]!a}, but FloatStorage is expected; "
            "use the original file, not a reduced copy."
        )
    return _TYPES[type_name]


def _read(tensor: Tensor, read_storage: _ReadStorage, name: str, where: str) -> npt.NDArray[Any]:
    """Read one tensor's storage and take its view, which must be the whole of a plain array."""
    code = _code(tensor.storage.type_name, where)
    strides = tuple(math.prod(tensor.shape[axis + 1 :]) for axis in range(len(tensor.shape)))
    if tensor.strides != strides:
        raise InputError(
            f"{where} has {name} of the shape {tensor.shape} with strides {tensor.strides}, so its numbers are not in "
            "the usual order; use the original file."
        )
    values = np.frombuffer(read_storage(tensor.storage), code)
    end = tensor.offset + math.prod(tensor.shape)
    if len(values) != tensor.storage.n_values or end > len(values):
        raise _cut_short(where)
    return values[tensor.offset : end].reshape(tensor.shape)


def _no_state_dict(where: str) -> InputError:
    return InputError(
        f"{where} is a PyTorch file, but not a state dict (names and tensors) of VGG-19; "
        "save the model's state_dict() instead."
    )


def _cut_short(where: str) -> InputError:
    return InputError(f"{where} ends before its last tensor or mixes them up; fetch or copy it again.")
