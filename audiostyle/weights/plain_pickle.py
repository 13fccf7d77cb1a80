"""Pickles of strangers, read by Python's own unpickler over stand-ins.

A name in a pickle is looked up in the table of this module and nowhere else: nothing is imported, and what
is called are the few constructors below, which make plain data, arrays of numbers and descriptions of
torch's tensors.  The time and the memory that a pickle may take are not bounded here: read it in
:func:`audiostyle.isolation.isolated`.
"""

import math
import pickle
import re
from collections.abc import Callable
from typing import IO, Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from audiostyle.errors import InputError

__all__ = ["PlainArray", "Storage", "Tensor", "load_plain"]

_NUMBERS = re.compile(r"[<>|=]?(?:f[248]|[iu][1248]|b1)")


def load_plain(stream: IO[bytes], where: str) -> Any:
    """Read one pickle of plain data.

    Parameters
    ----------
    stream : file object
        Read from its position to the end of the pickle, no further.
    where : str
        What to call the file in an error.

    Returns
    -------
    object
        Dicts, lists, tuples, numbers, str and bytes; arrays as :class:`PlainArray`, torch's tensors as
        :class:`Tensor`.  What Python 2 wrote as byte strings is str.

    Raises
    ------
    InputError
        If it asks for anything but plain data.
    Exception
        Of many kinds, if it is damaged.
    """
    try:
        return _Unpickler(stream, encoding="latin1").load()
    except _RefusedError as error:
        hint = ", or save the model's state_dict() instead of the model" if "torch" in str(error) else ""
        raise InputError(
            f"{where} asks for {error}, but a weights file may hold only numpy arrays of numbers, dicts, lists, "
            f"tuples, numbers and strings; nothing of it was executed, and you should get the weights elsewhere{hint}."
        ) from None


class Storage(NamedTuple):
    """What a torch pickle says of a block of numbers that lies elsewhere in the file."""

    type_name: str
    key: str
    n_values: int


class Tensor(NamedTuple):
    """What a torch pickle says of a tensor: a strided view of a storage, in numbers, not bytes."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class PlainArray:
    """A numpy array in the making: its shape and its numbers arrive as a state.

    Attributes
    ----------
    value : numpy.ndarray or object
        The array; of an array of Python objects of the shape (), as numpy saves a dict, what is in it.
    """

    def __init__(self, *_: Any) -> None:
        self.value: Any = None

    def __setstate__(self, state: Any) -> None:
        match state:
            case (int(), tuple(shape), _Dtype() as dtype, fortran, (str() | bytes()) as raw):
                self.value = _array(_bytes(raw), dtype, shape, "F" if fortran else "C")
            case (int(), (), _Dtype(dtype=None), _, [content]):
                self.value = content
            case _:
                raise _RefusedError("a numpy array of Python objects")


class _RefusedError(Exception):
    """What a pickle asks for and does not get."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for a name."""
        if module == "torch" and name.endswith("Storage"):
            return _StorageType(name)
        maker = _MAKERS.get((module.replace("numpy._core", "numpy.core"), name))
        if maker is None:
            raise _RefusedError(ascii(f"{module}.{name}"[:80]))
        return _Call(maker)

    def persistent_load(self, identity: Any) -> Storage:
        """Return what torch keeps outside the pickle."""
        match identity:
            case ("storage", _StorageType(type_name), str(key), _, int(n_values), *_) if n_values >= 0:
                return Storage(type_name, key, n_values)
        raise _RefusedError("an object kept outside the pickle")


class _StorageType(NamedTuple):
    """A name such as ``torch.FloatStorage``."""

    name: str


class _Call:
    """A name of the table: it can be called, and has no attributes that a pickle could set."""

    __slots__ = ("_maker",)

    def __init__(self, maker: Callable[..., Any]) -> None:
        self._maker = maker

    def __call__(self, *arguments: Any) -> Any:
        return self._maker(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise _RefusedError("another state of a function")


class _Dict(dict[Any, Any]):
    """An ``OrderedDict``; the ``_metadata`` that torch hangs on its dict of tensors are dropped."""

    def __setstate__(self, state: Any) -> None:
        pass


class _Dtype:
    """A numpy dtype in the making, whose byte order arrives as a state; None stands for Python objects."""

    def __init__(self, code: str, *_: Any) -> None:
        if not _NUMBERS.fullmatch(code) and code.lstrip("|")[:1] != "O":
            raise _RefusedError(f"a numpy array of the type {code[:80]!a}")
        self.dtype = np.dtype(code) if _NUMBERS.fullmatch(code) else None

    def __setstate__(self, state: Any) -> None:
        match state:
            case (int(), ("<" | ">" | "|" | "=") as order, None, None, None, *_):
                self.dtype = None if self.dtype is None else self.dtype.newbyteorder(order)
            case _:
                raise _RefusedError("a numpy array of records")


def _array(raw: bytes, dtype: _Dtype, shape: tuple[int, ...], order: Any) -> npt.NDArray[Any]:
    """Make an array from exactly as many bytes as its shape needs; they are not copied."""
    if dtype.dtype is None:
        raise _RefusedError("a numpy array of Python objects")
    _check_sizes(shape)
    expected = math.prod(shape) * dtype.dtype.itemsize
    if len(raw) != expected:
        raise ValueError(f"an array of the shape {shape} needs {expected} bytes, but {len(raw)} are there")
    return np.frombuffer(raw, dtype.dtype).reshape(shape, order=order)


def _frombuffer(raw: bytes, dtype: _Dtype, shape: tuple[int, ...], order: str) -> PlainArray:
    """Make an array as the pickles of protocol 5 do."""
    array = PlainArray()
    array.value = _array(raw, dtype, shape, "F" if order == "F" else "C")
    return array


def _scalar(dtype: _Dtype, raw: str | bytes) -> Any:
    return _array(_bytes(raw), dtype, (), "C").item()


def _bytes(raw: str | bytes, encoding: str = "latin1") -> bytes:
    """Make bytes, which Python 2 wrote as a string and Python 3 writes as a text into the older protocols."""
    if not isinstance(raw, (str, bytes)):
        raise _RefusedError("bytes of something that is no text")  # of a number, it would be that many
    return raw.encode("latin1") if isinstance(raw, str) else raw


def _tensor(storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> Tensor:
    if not isinstance(storage, Storage):
        raise ValueError("a tensor has no storage")
    for sizes in ((offset,), shape, strides):
        _check_sizes(sizes)
    return Tensor(storage, offset, shape, strides)


def _check_sizes(sizes: Any) -> None:
    """Raise ValueError for what is not a few whole numbers; True is a number elsewhere."""
    if type(sizes) is not tuple or len(sizes) > 8 or not all(type(size) is int and size >= 0 for size in sizes):
        raise ValueError("a shape is not a few whole numbers")


def _ndarray(*_: Any) -> NoReturn:
    raise _RefusedError("'numpy.ndarray', called by itself")


_MAKERS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _ndarray,  # only named, as an argument of _reconstruct
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "_reconstruct"): PlainArray,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("_codecs", "encode"): _bytes,
    ("__builtin__", "bytes"): lambda: b"",
    ("builtins", "bytes"): lambda: b"",
    ("collections", "OrderedDict"): _Dict,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
}
