"""A pickle reader that can make plain data and nothing else.

Python's own unpickler imports what a file names and calls it.  This one is an interpreter of its own
for the opcodes that plain data needs: it never imports, never calls what the file names, and
allocates no more than a small multiple of the file's size.  Names in the file are tokens; the few
that numpy, torch and ``OrderedDict`` write are recognised and carried out here.
"""

import codecs
import math
import struct
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from audiostyle.errors import InputError

__all__ = ["StorageReference", "TensorReference", "unpickle"]

# Lasagne's file with its thousand class names needs a few thousand.
_MAX_OPERATIONS = 200_000
_MAX_LINE = 256
_MAX_INTEGER_BYTES = 64
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


class _Global(NamedTuple):
    """A name in the file; it is never looked up."""

    module: str
    name: str


class _Dtype:
    """A numpy dtype under construction: its byte order arrives in a second step; None means objects."""

    def __init__(self, code: str | None) -> None:
        self.dtype = np.dtype(code) if code is not None else None


class _Array:
    """A numpy array under construction: shape and data arrive in a second step."""

    def __init__(self) -> None:
        self.array: Any = None


class _Mark:
    """The marker that groups stack items."""


def _opcode_name(code: int) -> str:
    import pickletools

    names = {ord(opcode.code): opcode.name for opcode in pickletools.opcodes}
    return names.get(code, f"0x{code:02x}, which does not exist")


def unpickle(data: bytes, where: str, start: int = 0, torch: bool = False, boxed: bool = False) -> tuple[Any, int]:
    """Read one pickle of plain data.

    Parameters
    ----------
    data : bytes
        The whole file (or the part that holds the pickle).
    where : str
        What to call the file in an error.
    start : int
        Where in `data` the pickle begins.
    torch : bool
        Whether torch's tensors are accepted; they come back as :class:`TensorReference`.
    boxed : bool
        Whether an array of objects of the shape () is accepted, as numpy saves a dict; what is in it
        comes back in its place.

    Returns
    -------
    value : object
        Dicts, lists, tuples, numbers, strings, numpy arrays, and bytes as memoryview.  Dict keys that
        Python 2 wrote as byte strings are text.
    end : int
        Position after the pickle.

    Raises
    ------
    InputError
        If the pickle is cut short, malformed, or asks for anything but plain data.
    """
    return _Machine(data, where, start, torch, boxed).run()


class _Machine:
    """The stack, the memo and one method for each opcode that is accepted."""

    def __init__(self, data: bytes, where: str, start: int, torch: bool, boxed: bool) -> None:
        self.data = data
        self.view = memoryview(data)
        self.where = where
        self.position = start
        self.torch = torch
        self.boxed = boxed
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        # What can be asked for again and again without more file is counted against these.
        self.operations = _MAX_OPERATIONS
        self.encodable = len(data)

    def run(self) -> tuple[Any, int]:
        while True:
            self.spend(1)
            code = self.take(1)[0]
            if code == 0x2E:  # STOP
                if len(self.stack) != 1:
                    raise self.malformed("it does not end with one value")
                return self.pop(), self.position
            operation = _OPERATIONS.get(code)
            if operation is None:
                raise self.refused(f"the pickle instruction {_opcode_name(code)}")
            operation(self)

    def spend(self, count: int) -> None:
        self.operations -= count
        if self.operations < 0:
            raise self.malformed(f"it takes more than {_MAX_OPERATIONS} steps")

    # Errors

    def malformed(self, what: str) -> InputError:
        return InputError(
            f"{self.where} is not a readable pickle: {what}; it is damaged or cut short, so fetch or copy it again."
        )

    def refused(self, what: str) -> InputError:
        return InputError(
            f"{self.where} asks for {what}, but a weights file may hold only numpy arrays of numbers, dicts, lists, "
            "tuples, numbers and strings; nothing of it was executed, and you should get the weights elsewhere"
            + (", or save the model's state_dict() instead of the model." if self.torch else ".")
        )

    # Bytes

    def take(self, count: int) -> memoryview:
        end = self.position + count
        if count < 0 or end > len(self.data):
            raise self.malformed(f"it ends where {count} more bytes were expected")
        part = self.view[self.position : end]
        self.position = end
        return part

    def number(self, form: str) -> int:
        value: int = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value

    def line(self, limit: int | None = _MAX_LINE) -> bytes:
        end = self.data.find(b"\n", self.position)
        if end < 0 or (limit is not None and end - self.position > limit):
            raise self.malformed("a line of text in it has no end")
        part = self.data[self.position : end]
        self.position = end + 1
        return part

    # Stack

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if not self.stack or isinstance(self.stack[-1], _Mark):
            raise self.malformed("its stack runs empty")
        return self.stack.pop()

    def top(self, kind: type) -> Any:
        if not self.stack or isinstance(self.stack[-1], _Mark) or not isinstance(self.stack[-1], kind):
            raise self.malformed(f"it fills something that is no {kind.__name__}")
        return self.stack[-1]

    def pop_mark(self) -> list[Any]:
        for index in range(len(self.stack) - 1, -1, -1):
            if isinstance(self.stack[index], _Mark):
                items = self.stack[index + 1 :]
                del self.stack[index:]
                return items
        raise self.malformed("a group in it has no beginning")

    def key(self, value: Any) -> str | int:
        # Only keys that hash at once: a tuple of tuples of ... would take for ever.
        if isinstance(value, memoryview):
            value = bytes(value).decode("latin-1")
        if not isinstance(value, (str, int)):
            raise self.refused(f"a {type(value).__name__.strip('_').lower()} as a dict key")
        return value

    def set_items(self, target: dict[Any, Any], items: list[Any]) -> None:
        if len(items) % 2:
            raise self.malformed("a dict in it has a key without a value")
        for index in range(0, len(items), 2):
            target[self.key(items[index])] = items[index + 1]

    # Text and numbers

    def text(self, value: Any) -> str:
        if isinstance(value, memoryview):
            return bytes(value[:_MAX_LINE]).decode("latin-1")
        if not isinstance(value, str):
            raise self.malformed("a name in it is no text")
        return value[:_MAX_LINE]

    def decimal(self, line: bytes) -> int | bool:
        if line in (b"00", b"01"):
            return line == b"01"
        try:
            return int(line.rstrip(b"L")[:_MAX_INTEGER_BYTES])
        except ValueError:
            raise self.malformed("a number in it is not one") from None

    def real(self, line: bytes) -> float:
        try:
            return float(line)
        except ValueError:
            raise self.malformed("a number in it is not one") from None

    def long(self, count: int) -> int:
        if not 0 <= count <= _MAX_INTEGER_BYTES:
            raise self.refused(f"a whole number of {count} bytes")
        return int.from_bytes(self.take(count), "little", signed=True)

    def unicode(self, part: memoryview | bytes, encoding: str = "utf-8") -> str:
        try:
            return str(part, encoding, "surrogatepass" if encoding == "utf-8" else "strict")
        except UnicodeDecodeError:
            raise self.malformed("a text in it is not text") from None

    def quoted(self, line: bytes) -> memoryview:
        line = line.strip()
        if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
            raise self.malformed("a text in it has no quotes")
        try:
            return memoryview(codecs.escape_decode(line[1:-1])[0])
        except ValueError:
            raise self.malformed("a text in it has a wrong escape") from None

    def remember(self, index: int) -> None:
        if not self.stack or isinstance(self.stack[-1], _Mark):
            raise self.malformed("it remembers nothing")
        self.memo[index] = self.stack[-1]

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise self.malformed("it refers to something it has not made")
        value = self.memo[index]
        self.push(value.array if isinstance(value, _Array) and value.array is not None else value)

    # Names, and the few calls that make data

    def stack_global(self) -> None:
        name, module = self.pop(), self.pop()
        self.push(_Global(self.text(module), self.text(name)))

    def persistent(self) -> None:
        identity = self.pop()
        if not self.torch:
            raise self.refused("an object kept outside the pickle")
        match identity:
            case ("storage", _Global("torch", type_name), key, _, int(n_values), *_) if n_values >= 0:
                self.push(StorageReference(type_name, self.text(key), n_values))
            case _:
                raise self.malformed("a tensor's storage is not described as torch does")

    def reduce(self) -> None:
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, _Global) or not isinstance(arguments, tuple):
            raise self.refused("a call of something that has no name")
        module, name = function
        maker = _MAKERS.get((module.replace("numpy._core.", "numpy.core."), name))
        if maker is None or (module.startswith("torch") and not self.torch):
            raise self.refused(f"a call of {f'{module}.{name}'[:80]!a}")
        try:
            self.push(maker(self, *arguments))
        except TypeError:
            raise self.malformed(f"{name} has the wrong arguments") from None

    def build(self) -> None:
        state = self.pop()
        target = self.top(object)
        if isinstance(target, _Array):
            match state:
                case (int(), tuple(shape), _Dtype() as dtype, int(fortran), memoryview() as raw):
                    target.array = self.stack[-1] = self.array(raw, dtype.dtype, shape, "F" if fortran else "C")
                case (int(), (), _Dtype(dtype=None), _, [content]) if self.boxed:
                    target.array = self.stack[-1] = content
                case (int(), _, _, _, list()):
                    raise self.refused("a numpy array of Python objects")
                case _:
                    raise self.malformed("an array in it is not described as numpy does")
        elif isinstance(target, _Dtype):
            match state:
                case (int(), order, None, None, None, *_) if self.text(order) in ("<", ">", "|", "="):
                    if target.dtype is not None:
                        target.dtype = np.dtype(self.text(order) + target.dtype.str[1:])
                case _:
                    raise self.refused("a numpy array of records")
        elif not isinstance(target, dict):
            # torch hangs `_metadata` on its dict of tensors; there it is dropped.
            raise self.refused(f"the state of a {type(target).__name__.strip('_').lower()}")

    def make_dtype(self, code: Any, *_: Any) -> _Dtype:
        text = self.text(code)
        objects = text.lstrip("|").startswith("O")
        if objects and self.boxed:
            return _Dtype(None)
        if text.lstrip("<>|=") not in _PLAIN_DTYPES:
            raise self.refused("a numpy array of " + ("Python objects" if objects else f"the type {text!a}"))
        return _Dtype(text)

    def make_empty(self, kind: Any, *_: Any) -> _Array:
        if kind != _Global("numpy", "ndarray"):
            raise self.refused("an array that is no numpy.ndarray")
        return _Array()

    def make_array(self, raw: Any, dtype: Any, shape: Any, order: Any) -> npt.NDArray[Any]:
        if not isinstance(dtype, _Dtype) or not isinstance(raw, memoryview):
            raise self.malformed("an array in it is not described as numpy does")
        return self.array(raw, dtype.dtype, shape, "F" if self.text(order) == "F" else "C")

    def make_scalar(self, dtype: Any, raw: Any) -> int | float:
        if not isinstance(dtype, _Dtype) or not isinstance(raw, memoryview):
            raise self.malformed("a number in it is not described as numpy does")
        value: int | float = self.array(raw, dtype.dtype, (), "C").item()
        return value

    def make_bytes(self, value: Any, encoding: Any) -> memoryview:
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
        return memoryview(b"")

    def make_dict(self, pairs: Any = ()) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        self.spend(len(pairs))
        for pair in pairs:
            if not isinstance(pair, (list, tuple)) or len(pair) != 2:
                raise self.malformed("a dict in it has a key without a value")
            result[self.key(pair[0])] = pair[1]
        return result

    def make_tensor(self, storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> TensorReference:
        if not isinstance(storage, StorageReference) or not self.sizes(shape) or not self.sizes(strides):
            raise self.malformed("a tensor in it is not described as torch does")
        if len(shape) != len(strides) or not self.sizes((offset,)):
            raise self.malformed("a tensor in it is not described as torch does")
        return TensorReference(storage, offset, shape, strides)

    def make_parameter(self, tensor: Any, *_: Any) -> TensorReference:
        if not isinstance(tensor, TensorReference):
            raise self.malformed("a parameter in it is no tensor")
        return tensor

    def sizes(self, values: Any) -> bool:
        return (
            isinstance(values, tuple)
            and len(values) <= _MAX_DIMENSIONS
            and all(isinstance(value, int) and 0 <= value < 2**40 for value in values)
        )

    def array(self, raw: memoryview, dtype: Any, shape: Any, order: Literal["C", "F"]) -> npt.NDArray[Any]:
        if dtype is None:
            raise self.refused("a numpy array of Python objects")
        if not self.sizes(shape):
            raise self.malformed("an array's shape is not a few whole numbers")
        expected = math.prod(shape) * dtype.itemsize
        if len(raw) != expected:
            raise self.malformed(f"an array of the shape {shape} needs {expected} bytes, but {len(raw)} are there")
        return np.frombuffer(raw, dtype).reshape(shape, order=order)


def _append(machine: _Machine) -> None:
    value = machine.pop()
    machine.top(list).append(value)


def _appends(machine: _Machine) -> None:
    items = machine.pop_mark()
    machine.top(list).extend(items)


def _set_item(machine: _Machine) -> None:
    value, key = machine.pop(), machine.pop()
    machine.set_items(machine.top(dict), [key, value])


def _set_items(machine: _Machine) -> None:
    items = machine.pop_mark()
    machine.set_items(machine.top(dict), items)


def _dict(machine: _Machine) -> None:
    result: dict[Any, Any] = {}
    machine.set_items(result, machine.pop_mark())
    machine.push(result)


def _tuple(machine: _Machine, count: int) -> None:
    items = [machine.pop() for _ in range(count)]
    machine.push(tuple(reversed(items)))


def _global(machine: _Machine) -> None:
    module, name = machine.line(), machine.line()
    machine.push(_Global(machine.unicode(module, "latin-1"), machine.unicode(name, "latin-1")))


def _protocol(machine: _Machine) -> None:
    version = machine.number("<B")
    if version > 5:
        raise machine.malformed(f"its protocol is {version}")


_OPERATIONS: dict[int, Callable[[_Machine], Any]] = {
    ord(code): operation
    for code, operation in {
        # framing
        "\x80": _protocol,
        "\x95": lambda m: m.take(8),
        # constants and numbers
        "N": lambda m: m.push(None),
        "\x88": lambda m: m.push(True),
        "\x89": lambda m: m.push(False),
        "I": lambda m: m.push(m.decimal(m.line())),
        "L": lambda m: m.push(m.decimal(m.line())),
        "J": lambda m: m.push(m.number("<i")),
        "K": lambda m: m.push(m.number("<B")),
        "M": lambda m: m.push(m.number("<H")),
        "\x8a": lambda m: m.push(m.long(m.number("<B"))),
        "\x8b": lambda m: m.push(m.long(m.number("<i"))),
        "F": lambda m: m.push(m.real(m.line())),
        "G": lambda m: m.push(m.number(">d")),
        # texts and bytes
        "S": lambda m: m.push(m.quoted(m.line(None))),
        "T": lambda m: m.push(m.take(m.number("<i"))),
        "U": lambda m: m.push(m.take(m.number("<B"))),
        "B": lambda m: m.push(m.take(m.number("<I"))),
        "C": lambda m: m.push(m.take(m.number("<B"))),
        "\x8e": lambda m: m.push(m.take(m.number("<Q"))),
        "\x96": lambda m: m.push(m.take(m.number("<Q"))),
        "V": lambda m: m.push(m.unicode(m.line(None), "raw-unicode-escape")),
        "X": lambda m: m.push(m.unicode(m.take(m.number("<I")))),
        "\x8c": lambda m: m.push(m.unicode(m.take(m.number("<B")))),
        "\x8d": lambda m: m.push(m.unicode(m.take(m.number("<Q")))),
        # tuples, lists, dicts
        "(": lambda m: m.push(_Mark()),
        ")": lambda m: m.push(()),
        "\x85": lambda m: _tuple(m, 1),
        "\x86": lambda m: _tuple(m, 2),
        "\x87": lambda m: _tuple(m, 3),
        "t": lambda m: m.push(tuple(m.pop_mark())),
        "]": lambda m: m.push([]),
        "l": lambda m: m.push(m.pop_mark()),
        "a": _append,
        "e": _appends,
        "}": lambda m: m.push({}),
        "d": _dict,
        "s": _set_item,
        "u": _set_items,
        # stack and memo
        "0": lambda m: m.pop(),
        "1": lambda m: m.pop_mark(),
        "2": lambda m: m.push(m.top(object)),
        "p": lambda m: m.remember(m.decimal(m.line())),
        "q": lambda m: m.remember(m.number("<B")),
        "r": lambda m: m.remember(m.number("<I")),
        "\x94": lambda m: m.remember(len(m.memo)),
        "g": lambda m: m.recall(m.decimal(m.line())),
        "h": lambda m: m.recall(m.number("<B")),
        "j": lambda m: m.recall(m.number("<I")),
        # names and calls, of which only those in _MAKERS are carried out
        "c": _global,
        "\x93": lambda m: m.stack_global(),
        "Q": lambda m: m.persistent(),
        "R": lambda m: m.reduce(),
        "b": lambda m: m.build(),
    }.items()
}

_MAKERS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): _Machine.make_dtype,
    ("numpy.core.multiarray", "_reconstruct"): _Machine.make_empty,
    ("numpy.core.multiarray", "scalar"): _Machine.make_scalar,
    ("numpy.core.numeric", "_frombuffer"): _Machine.make_array,
    ("_codecs", "encode"): _Machine.make_bytes,
    ("__builtin__", "bytes"): _Machine.make_empty_bytes,
    ("builtins", "bytes"): _Machine.make_empty_bytes,
    ("collections", "OrderedDict"): _Machine.make_dict,
    ("torch._utils", "_rebuild_tensor"): _Machine.make_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _Machine.make_tensor,
    ("torch._utils", "_rebuild_parameter"): _Machine.make_parameter,
}
