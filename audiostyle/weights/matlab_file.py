"""MatConvNet's ``.mat``: the few parts of MATLAB's level 5 format that a network is stored with.

Nothing here trusts a declared size: numbers are read only where an array can be a layer of VGG-19,
everything else is skipped, and compressed data is unpacked as a stream.
"""

import math
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from audiostyle.errors import InputError
from audiostyle.weights.parameters import Found, assemble, layer_of

__all__ = ["MAT_MAGIC", "is_matlab", "read_matlab"]

MAT_MAGIC = b"MATLAB 5.0 MAT-file"
_HEADER_BYTES = 128

_COMPRESSED, _MATRIX = 15, 14
_CELL, _STRUCT, _CHAR = 1, 2, 4
_NUMERIC = range(6, 16)
_STORED = {1: "i1", 2: "u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}

# The whole network with its dense layers is 575 MB; MatConvNet's file needs no more than these.
_MAX_UNPACKED = 2**30
_MAX_DEPTH = 12
_MAX_ELEMENTS = 100_000
_MAX_VALUES = 512 * 512 * 9
_MAX_TEXT = 10_000
_STEP = 2**20


def is_matlab(data: bytes) -> bool:
    """Say whether a file begins as MATLAB's level 5 format does, in either byte order."""
    return data.startswith(MAT_MAGIC) or data[124:128] in (b"\x00\x01IM", b"\x01\x00MI")


def read_matlab(data: bytes, where: str) -> Found:
    """Read ``imagenet-vgg-verydeep-19.mat``, of the newer or the older MatConvNet.

    Kernels are stored ``(width, height, n_in, n_out)`` and take red-green-blue input.

    Parameters
    ----------
    data : bytes
        The file.
    where : str
        What to call it in an error.

    Raises
    ------
    InputError
        If it is damaged, big-endian, or not MatConvNet's VGG-19.
    """
    if data[126:128] == b"MI":
        raise InputError(f"{where} is big-endian, which no known file of VGG-19 is; use the original file.")
    layers = None
    stream = _Stream(data, _HEADER_BYTES, len(data), where)
    while stream.remaining:
        kind, size = stream.tag()
        if kind == _COMPRESSED:
            part: _Stream = _Inflating(data, stream.position, size, where)
            inner, inner_size = part.tag()
            variable = part.matrix(inner_size, 0) if inner == _MATRIX else None
        else:
            variable = stream.matrix(size, 0) if kind == _MATRIX else None
        if kind != _MATRIX:
            stream.skip(size)
        if variable is not None and variable[0] == "layers":
            layers = variable[1]
            break
    if not isinstance(layers, list):
        raise InputError(
            f"{where} is a MATLAB file without MatConvNet's list of layers; use imagenet-vgg-verydeep-19.mat."
        )
    found, others = {}, []
    for layer in layers:
        name, pair = _parameters(layer)
        if pair is None:
            continue
        conv = layer_of(name)
        if conv is None:
            others.append(name)
            continue
        kernels, biases = pair
        if isinstance(kernels, np.ndarray) and kernels.ndim == 4:
            kernels = kernels.transpose(3, 2, 1, 0)
        if isinstance(biases, np.ndarray) and biases.ndim == 2 and 1 in biases.shape:
            biases = biases.ravel()
        found[f"{conv} W"], found[f"{conv} b"] = kernels, biases
    return Found("MatConvNet .mat", assemble(found, others, where), channel_order="RGB")


def _parameters(layer: Any) -> tuple[str, tuple[Any, Any] | None]:
    """Return a layer's name and its kernels and biases, if it has any."""
    if not isinstance(layer, dict) or not isinstance(layer.get("name"), str):
        return "", None
    if isinstance(layer.get("weights"), list) and len(layer["weights"]) == 2:
        return layer["name"], (layer["weights"][0], layer["weights"][1])
    if "filters" in layer and "biases" in layer:
        return layer["name"], (layer["filters"], layer["biases"])
    return layer["name"], None


class _Stream:
    """Bytes between two positions of the file, read forwards."""

    def __init__(self, data: bytes, start: int, end: int, where: str) -> None:
        self.data = data
        self.position = start
        self.end = end
        self.where = where
        self.elements = 0

    @property
    def remaining(self) -> int:
        return self.end - self.position

    def damaged(self, what: str) -> InputError:
        return InputError(
            f"{self.where} is not a readable MATLAB file: {what}; it is damaged or cut short, "
            "so fetch or copy it again."
        )

    def take(self, count: int) -> bytes:
        if count < 0 or count > self.remaining:
            raise self.damaged(f"it ends where {count} more bytes were expected")
        self.position += count
        return self.data[self.position - count : self.position]

    def skip(self, count: int) -> None:
        if count < 0 or count > self.remaining:
            raise self.damaged(f"it ends where {count} more bytes were expected")
        self.position += count

    def tag(self) -> tuple[int, int]:
        kind, size = struct.unpack("<II", self.take(8))
        return kind, size

    def element(self, limit: int) -> tuple[int, bytes | None, int]:
        """Read a data element: its type, its bytes (None where there are more than `limit`), what it took."""
        kind, size = self.tag()
        if kind >> 16:
            # The small form: type, size and up to four bytes of data share the tag.
            kind, small = kind & 0xFFFF, kind >> 16
            if small > 4:
                raise self.damaged("a small element is too large")
            return kind, struct.pack("<I", size)[:small], 8
        padded = size + -size % 8
        if size > limit:
            self.skip(padded)
            return kind, None, 8 + padded
        return kind, self.take(padded)[:size], 8 + padded

    def matrix(self, size: int, depth: int) -> tuple[str, Any]:
        """Read an array of `size` bytes: its name, and a list, a dict, a text, numbers, or None if skipped."""
        self.elements += 1
        if depth > _MAX_DEPTH or self.elements > _MAX_ELEMENTS:
            raise self.damaged("it is nested too deeply or has too many parts")
        if size == 0:
            return "", None
        left = size
        _, flags, used = self.element(16)
        left -= used
        _, dimensions, used = self.element(64)
        left -= used
        _, name, used = self.element(_MAX_TEXT)
        left -= used
        if left < 0 or not flags or dimensions is None or len(dimensions) % 4 or name is None:
            raise self.damaged("an array's description is not one")
        shape = struct.unpack(f"<{len(dimensions) // 4}i", dimensions)
        count = math.prod(shape)
        kind = flags[0]
        if min(shape, default=-1) < 0:
            raise self.damaged(f"an array has the shape {shape}")
        value: Any = None
        if kind == _CELL:
            value, used = self.cells(count, left, depth)
        elif kind == _STRUCT:
            value, used = self.structure(count, left, depth)
        elif kind == _CHAR or kind in _NUMERIC:
            stored, raw, used = self.element(8 * _MAX_VALUES)
            if raw is not None:
                value = self.text(raw, stored) if kind == _CHAR else self.numbers(raw, stored, kind, shape, count)
        else:
            used = 0
        if used > left:
            raise self.damaged("an array is longer than it says")
        self.skip(left - used)
        return name.decode("latin-1"), value

    def cells(self, count: int, left: int, depth: int) -> tuple[list[Any], int]:
        values, used = [], 0
        for _ in range(count):
            if used >= left:
                raise self.damaged("a list is shorter than it says")
            kind, size = self.tag()
            if kind != _MATRIX:
                raise self.damaged("a list has something else than arrays in it")
            values.append(self.matrix(size, depth + 1)[1])
            used += 8 + size
        return values, used

    def structure(self, count: int, left: int, depth: int) -> tuple[Any, int]:
        _, length, first = self.element(8)
        _, names, second = self.element(_MAX_TEXT)
        if length is None or len(length) != 4 or names is None or not 0 < struct.unpack("<i", length)[0] <= 64:
            raise self.damaged("a structure's fields have no names")
        (width,) = struct.unpack("<i", length)
        fields = [
            names[start : start + width].split(b"\0")[0].decode("latin-1") for start in range(0, len(names), width)
        ]
        values, used = self.cells(count * len(fields), left - first - second, depth)
        return (dict(zip(fields, values, strict=True)) if count == 1 else None), used + first + second

    def text(self, raw: bytes, stored: int) -> str:
        encoding = {4: "utf-16-le", 17: "utf-16-le", 18: "utf-32-le"}.get(stored, "latin-1")
        return raw[:_MAX_TEXT].decode(encoding, "replace")

    def numbers(self, raw: bytes, stored: int, kind: int, shape: tuple[int, ...], count: int) -> npt.NDArray[Any]:
        dtype = np.dtype(_STORED[stored]) if stored in _STORED else None
        if dtype is None or count * dtype.itemsize != len(raw):
            raise self.damaged(f"an array of the shape {shape} has {len(raw)} bytes")
        # MATLAB stores whole numbers in the smallest type that holds them, whatever the array's class.
        return np.frombuffer(raw, dtype).astype(_CLASSES[kind]).reshape(shape, order="F")


class _Inflating(_Stream):
    """The same, of zlib-compressed data: unpacked step by step, and what is skipped is never kept."""

    def __init__(self, data: bytes, start: int, size: int, where: str) -> None:
        super().__init__(data, 0, _MAX_UNPACKED, where)
        if size > len(data) - start:
            raise self.damaged("a compressed part is cut short")
        self._packed = memoryview(data)[start : start + size]
        self._inflate = zlib.decompressobj()
        self._rest: bytes | memoryview = b""
        self._next = 0

    def take(self, count: int) -> bytes:
        return b"".join(self._pieces(count))

    def skip(self, count: int) -> None:
        for _ in self._pieces(count):
            pass

    def _pieces(self, count: int) -> Any:
        if count < 0 or count > self.remaining:
            raise self.damaged(f"it would unpack to more than {_MAX_UNPACKED} bytes, as a zip bomb does")
        self.position += count
        while count:
            if not self._rest:
                self._rest = self._packed[self._next : self._next + _STEP]
                self._next += _STEP
                if not self._rest:
                    raise self.damaged("a compressed part ends too early")
            try:
                piece = self._inflate.decompress(self._rest, min(count, _STEP))
            except zlib.error as error:
                raise self.damaged(str(error)) from None
            self._rest = self._inflate.unconsumed_tail
            if self._inflate.eof and len(piece) < count:
                raise self.damaged("a compressed part ends too early")
            count -= len(piece)
            yield piece
