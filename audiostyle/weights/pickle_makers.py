"""The few calls in a pickle that make plain data, carried out without looking anything up.

A name in the file is a token.  It is compared with those that numpy, torch and ``OrderedDict`` write,
and what they stand for is made here.
"""

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from audiostyle.weights.pickle_stream import MAX_TEXT, PickleStream

__all__ = ["GlobalName", "PickleMakers", "StorageReference", "TensorReference", "UnfinishedArray"]

_MAX_DIMENSIONS = 8

_PLAIN_DTYPES = {"f2", "f4", "f8", "b1"} | {f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)}


class StorageReference(NamedTuple):
    """What a torch pickle says of a block of numbers that lies elsewhere in the file."""

    type_name: str
    key: str
    n_values: int


class TensorReference(NamedTuple):
    """What a torch pickle says of a tensor: a strided view of a storage, in numbers, not bytes."""

    storage: StorageReference
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class GlobalName(NamedTuple):
    """A name in the file; it is never looked up."""

    module: str
    name: str


class _UnfinishedDtype:
    """A numpy dtype under construction: its byte order arrives in a second step; None means objects."""

    def __init__(self, code: str | None) -> None:
        self.dtype = np.dtype(code) if code is not None else None


class UnfinishedArray:
    """A numpy array under construction: shape and data arrive in a second step."""

    def __init__(self) -> None:
        self.array: Any = None


class PickleMakers(PickleStream):
    """A pickle with one method for each call that is carried out.

    Parameters
    ----------
    data, where, position, torch
        As of :class:`~audiostyle.weights.pickle_stream.PickleStream`.
    boxed : bool
        Whether an array of objects of the shape () is accepted.
    """

    def __init__(self, data: bytes, where: str, position: int, torch: bool, boxed: bool) -> None:
        super().__init__(data, where, position, torch)
        self.boxed = boxed
        # A text in the memo could be encoded again and again.
        self.encodable = len(data)

    def call(self, function: Any, arguments: Any) -> Any:
        """Return what a call makes, if it is one of :data:`_MAKERS`."""
        if not isinstance(function, GlobalName) or not isinstance(arguments, tuple):
            raise self.refused("a call of something that has no name")
        module, name = function
        maker = _MAKERS.get((module.replace("numpy._core.", "numpy.core."), name))
        if maker is None or (module.startswith("torch") and not self.torch):
            raise self.refused(f"a call of {f'{module}.{name}'[:80]!a}")
        try:
            return maker(self, *arguments)
        except TypeError:
            raise self.malformed(f"{name} has the wrong arguments") from None

    def finish(self, target: Any, state: Any) -> Any:
        """Give what a call has made its state, and return the finished value."""
        if isinstance(target, UnfinishedArray):
            match state:
                case (int(), tuple(shape), _UnfinishedDtype() as dtype, int(fortran), memoryview() as raw):
                    target.array = self.array(raw, dtype.dtype, shape, "F" if fortran else "C")
                case (int(), (), _UnfinishedDtype(dtype=None), _, [content]) if self.boxed:
                    target.array = content
                case (int(), _, _, _, list()):
                    raise self.refused("a numpy array of Python objects")
                case _:
                    raise self.malformed("an array in it is not described as numpy does")
        elif isinstance(target, _UnfinishedDtype):
            match state:
                case (int(), order, None, None, None, *_) if self.text(order) in ("<", ">", "|", "="):
                    if target.dtype is not None:
                        target.dtype = np.dtype(self.text(order) + target.dtype.str[1:])
                case _:
                    raise self.refused("a numpy array of records")
        elif not isinstance(target, dict):
            # torch hangs `_metadata` on its dict of tensors; there it is dropped.
            raise self.refused(f"the state of a {type(target).__name__.strip('_').lower()}")
        return target.array if isinstance(target, UnfinishedArray) else target

    def storage(self, identity: Any) -> StorageReference:
        """Return what torch keeps outside the pickle."""
        if not self.torch:
            raise self.refused("an object kept outside the pickle")
        match identity:
            case ("storage", GlobalName("torch", type_name), key, _, int(n_values), *_) if n_values >= 0:
                return StorageReference(type_name, self.text(key), n_values)
            case _:
                raise self.malformed("a tensor's storage is not described as torch does")

    def key(self, value: Any) -> str | int:
        """Return a dict key, of a kind that is hashed at once: a tuple of tuples of ... would take for ever."""
        if isinstance(value, (str, memoryview)) and len(value) > MAX_TEXT:
            raise self.refused("a dict key that is no name")
        if isinstance(value, memoryview):
            value = bytes(value).decode("latin-1")
        if not isinstance(value, (str, int)):
            raise self.refused(f"a {type(value).__name__.strip('_').lower()} as a dict key")
        return value

    def make_dtype(self, code: Any, *_: Any) -> _UnfinishedDtype:
        """Make what ``numpy.dtype`` makes, of plain numbers only."""
        text = self.text(code)
        objects = text.lstrip("|").startswith("O")
        if objects and self.boxed:
            return _UnfinishedDtype(None)
        if text.lstrip("<>|=") not in _PLAIN_DTYPES:
            raise self.refused("a numpy array of " + ("Python objects" if objects else f"the type {text!a}"))
        return _UnfinishedDtype(text)

    def make_empty(self, kind: Any, *_: Any) -> UnfinishedArray:
        """Begin an array, as ``numpy.core.multiarray._reconstruct`` does."""
        if kind != GlobalName("numpy", "ndarray"):
            raise self.refused("an array that is no numpy.ndarray")
        return UnfinishedArray()

    def make_array(self, raw: Any, dtype: Any, shape: Any, order: Any) -> npt.NDArray[Any]:
        """Make an array as ``numpy.core.numeric._frombuffer`` does, which newer pickles name."""
        if not isinstance(dtype, _UnfinishedDtype) or not isinstance(raw, memoryview):
            raise self.malformed("an array in it is not described as numpy does")
        return self.array(raw, dtype.dtype, shape, "F" if self.text(order) == "F" else "C")

    def make_scalar(self, dtype: Any, raw: Any) -> int | float:
        """Make a number as ``numpy.core.multiarray.scalar`` does."""
        if not isinstance(dtype, _UnfinishedDtype) or not isinstance(raw, memoryview):
            raise self.malformed("a number in it is not described as numpy does")
        value: int | float = self.array(raw, dtype.dtype, (), "C").item()
        return value

    def make_bytes(self, value: Any, encoding: Any) -> memoryview:
        """Make bytes as ``_codecs.encode`` does, which Python 3 writes into older protocols."""
        if not isinstance(value, str) or self.text(encoding) not in ("latin1", "latin-1"):
            raise self.refused("a text in an unusual encoding")
        self.encodable -= len(value)
        if self.encodable < 0:
            raise self.malformed("it makes more data than it holds")
        try:
            return memoryview(value.encode("latin-1"))
        except UnicodeEncodeError:
            raise self.malformed("the bytes of an array in it are not bytes") from None

    def make_empty_bytes(self) -> memoryview:
        """Make no bytes, as ``bytes`` does."""
        return memoryview(b"")

    def make_dict(self, pairs: Any = ()) -> dict[Any, Any]:
        """Make a dict as ``OrderedDict`` does."""
        result: dict[Any, Any] = {}
        self.spend(len(pairs))
        for pair in pairs:
            if not isinstance(pair, (list, tuple)) or len(pair) != 2:
                raise self.malformed("a dict in it has a key without a value")
            result[self.key(pair[0])] = pair[1]
        return result

    def make_tensor(self, storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> TensorReference:
        """Make what stands for a tensor."""
        if not isinstance(storage, StorageReference) or not self.sizes(shape) or not self.sizes(strides):
            raise self.malformed("a tensor in it is not described as torch does")
        if len(shape) != len(strides) or not self.sizes((offset,)):
            raise self.malformed("a tensor in it is not described as torch does")
        return TensorReference(storage, offset, shape, strides)

    def make_parameter(self, tensor: Any, *_: Any) -> TensorReference:
        """Make what stands for a parameter: its tensor."""
        if not isinstance(tensor, TensorReference):
            raise self.malformed("a parameter in it is no tensor")
        return tensor

    def sizes(self, values: Any) -> bool:
        """Say whether this is a tuple of a few numbers that can be sizes."""
        return (
            isinstance(values, tuple)
            and len(values) <= _MAX_DIMENSIONS
            and all(isinstance(value, int) and 0 <= value < 2**40 for value in values)
        )

    def array(self, raw: memoryview, dtype: Any, shape: Any, order: Literal["C", "F"]) -> npt.NDArray[Any]:
        """Make an array from exactly as many bytes as its shape needs; they are not copied."""
        if dtype is None:
            raise self.refused("a numpy array of Python objects")
        if not self.sizes(shape):
            raise self.malformed("an array's shape is not a few whole numbers")
        expected = math.prod(shape) * dtype.itemsize
        if len(raw) != expected:
            raise self.malformed(f"an array of the shape {shape} needs {expected} bytes, but {len(raw)} are there")
        return np.frombuffer(raw, dtype).reshape(shape, order=order)


_MAKERS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): PickleMakers.make_dtype,
    ("numpy.core.multiarray", "_reconstruct"): PickleMakers.make_empty,
    ("numpy.core.multiarray", "scalar"): PickleMakers.make_scalar,
    ("numpy.core.numeric", "_frombuffer"): PickleMakers.make_array,
    ("_codecs", "encode"): PickleMakers.make_bytes,
    ("__builtin__", "bytes"): PickleMakers.make_empty_bytes,
    ("builtins", "bytes"): PickleMakers.make_empty_bytes,
    ("collections", "OrderedDict"): PickleMakers.make_dict,
    ("torch._utils", "_rebuild_tensor"): PickleMakers.make_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): PickleMakers.make_tensor,
    ("torch._utils", "_rebuild_parameter"): PickleMakers.make_parameter,
}
