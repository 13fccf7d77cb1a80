"""A pickle reader that can make plain data and nothing else.

Python's own unpickler imports what a file names and calls it.  This one is an interpreter of its own
for the opcodes that plain data needs: it never imports, never calls what the file names, and
allocates no more than a small multiple of the file's size.  Names in the file are tokens; the few
that numpy, torch and ``OrderedDict`` write are recognised and carried out here.
"""

from collections.abc import Callable
from typing import Any

from audiostyle.weights.pickle_makers import (
    GlobalName,
    PickleMakers,
    StorageReference,
    TensorReference,
    UnfinishedArray,
)

__all__ = ["StorageReference", "TensorReference", "unpickle"]


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


class _Mark:
    """The marker that groups stack items."""


class _Machine(PickleMakers):
    """The stack, the memo, and what the instructions do with them."""

    def __init__(self, data: bytes, where: str, position: int, torch: bool, boxed: bool) -> None:
        super().__init__(data, where, position, torch, boxed)
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

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

    def set_items(self, target: dict[Any, Any], items: list[Any]) -> None:
        if len(items) % 2:
            raise self.malformed("a dict in it has a key without a value")
        for index in range(0, len(items), 2):
            target[self.key(items[index])] = items[index + 1]

    def remember(self, index: int) -> None:
        if not self.stack or isinstance(self.stack[-1], _Mark):
            raise self.malformed("it remembers nothing")
        self.memo[index] = self.stack[-1]

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise self.malformed("it refers to something it has not made")
        value = self.memo[index]
        self.push(value.array if isinstance(value, UnfinishedArray) and value.array is not None else value)


def _opcode_name(code: int) -> str:
    import pickletools

    names = {ord(opcode.code): opcode.name for opcode in pickletools.opcodes}
    return names.get(code, f"0x{code:02x}, which does not exist")


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
    machine.push(GlobalName(machine.unicode(module, "latin-1"), machine.unicode(name, "latin-1")))


def _stack_global(machine: _Machine) -> None:
    name, module = machine.pop(), machine.pop()
    machine.push(GlobalName(machine.text(module), machine.text(name)))


def _reduce(machine: _Machine) -> None:
    arguments, function = machine.pop(), machine.pop()
    machine.push(machine.call(function, arguments))


def _build(machine: _Machine) -> None:
    state = machine.pop()
    machine.stack[-1] = machine.finish(machine.top(object), state)


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
        # names and calls, of which only those in audiostyle.weights.pickle_makers are carried out
        "c": _global,
        "\x93": _stack_global,
        "Q": lambda m: m.push(m.storage(m.pop())),
        "R": _reduce,
        "b": _build,
    }.items()
}
