"""The bytes of a pickle: numbers, texts and lines in its encodings, and the sentences for what is wrong with them."""

import codecs
import struct
from typing import Any

from audiostyle.errors import InputError

__all__ = ["MAX_TEXT", "PickleStream"]

# Names, keys and written-out numbers are far shorter.
MAX_TEXT = 256

# Lasagne's file with its thousand class names needs a few thousand.
_MAX_OPERATIONS = 200_000
_MAX_INTEGER_BYTES = 64


class PickleStream:
    """A pickle being read from a position on.

    Parameters
    ----------
    data : bytes
        The whole file (or the part that holds the pickle).
    where : str
        What to call the file in an error.
    position : int
        Where in `data` the pickle begins.
    torch : bool
        Whether it is one of torch's.
    """

    def __init__(self, data: bytes, where: str, position: int, torch: bool) -> None:
        self.data = data
        self.view = memoryview(data)
        self.where = where
        self.position = position
        self.torch = torch
        self.operations = _MAX_OPERATIONS

    def malformed(self, what: str) -> InputError:
        """Return the error for a pickle that is damaged."""
        return InputError(
            f"{self.where} is not a readable pickle: {what}; it is damaged or cut short, so fetch or copy it again."
        )

    def refused(self, what: str) -> InputError:
        """Return the error for a pickle that asks for more than plain data."""
        return InputError(
            f"{self.where} asks for {what}, but a weights file may hold only numpy arrays of numbers, dicts, lists, "
            "tuples, numbers and strings; nothing of it was executed, and you should get the weights elsewhere"
            + (", or save the model's state_dict() instead of the model." if self.torch else ".")
        )

    def spend(self, count: int) -> None:
        """Count steps, so that no pickle goes on for ever."""
        self.operations -= count
        if self.operations < 0:
            raise self.malformed(f"it takes more than {_MAX_OPERATIONS} steps")

    def take(self, count: int) -> memoryview:
        """Return the next bytes; they are not copied."""
        end = self.position + count
        if count < 0 or end > len(self.data):
            raise self.malformed(f"it ends where {count} more bytes were expected")
        part = self.view[self.position : end]
        self.position = end
        return part

    def number(self, form: str) -> int:
        """Return the next number, in the notation of :mod:`struct`."""
        value: int = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value

    def line(self, limit: int | None = MAX_TEXT) -> bytes:
        """Return the bytes up to the end of the line, at most `limit` of them."""
        end = self.data.find(b"\n", self.position)
        if end < 0 or (limit is not None and end - self.position > limit):
            raise self.malformed("a line of text in it has no end")
        part = self.data[self.position : end]
        self.position = end + 1
        return part

    def text(self, value: Any) -> str:
        """Return the beginning of a name, which Python 2 wrote as bytes."""
        if isinstance(value, memoryview):
            return bytes(value[:MAX_TEXT]).decode("latin-1")
        if not isinstance(value, str):
            raise self.malformed("a name in it is no text")
        return value[:MAX_TEXT]

    def decimal(self, line: bytes) -> int | bool:
        """Return the whole number, or the truth value, that a line spells out."""
        if line in (b"00", b"01"):
            return line == b"01"
        try:
            return int(line.rstrip(b"L")[:_MAX_INTEGER_BYTES])
        except ValueError:
            raise self.malformed("a number in it is not one") from None

    def real(self, line: bytes) -> float:
        """Return the real number that a line spells out."""
        try:
            return float(line)
        except ValueError:
            raise self.malformed("a number in it is not one") from None

    def long(self, count: int) -> int:
        """Return the next whole number of `count` bytes."""
        if not 0 <= count <= _MAX_INTEGER_BYTES:
            raise self.refused(f"a whole number of {count} bytes")
        return int.from_bytes(self.take(count), "little", signed=True)

    def unicode(self, part: memoryview | bytes, encoding: str = "utf-8") -> str:
        """Return a text from its encoding."""
        try:
            return str(part, encoding, "surrogatepass" if encoding == "utf-8" else "strict")
        except UnicodeDecodeError:
            raise self.malformed("a text in it is not text") from None

    def quoted(self, line: bytes) -> memoryview:
        """Return the bytes that a line spells out within quotes."""
        line = line.strip()
        if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
            raise self.malformed("a text in it has no quotes")
        try:
            return memoryview(codecs.escape_decode(line[1:-1])[0])
        except ValueError:
            raise self.malformed("a text in it has a wrong escape") from None
