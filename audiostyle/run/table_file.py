"""HDF5 files that are written once, table by table, and read without HDF5's library.

The library only lays a file out: every table contiguous, at its full size.  It may crash on bytes that somebody
broke or made up, and finds a full disk late; so what is in the tables is written and read by its place in the file.
The places stand in a header of our own, in the user block that HDF5 leaves to applications, with a SHA-256 of every
table and of the header itself.  For everybody else the file is plain HDF5.
"""

import dataclasses
import errno
import hashlib
import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from audiostyle.errors import InputError
from audiostyle.files import AnyPath, open_regular, reason, shown

__all__ = ["SCHEMA", "Table", "TableFile", "table", "write_tables"]

#: Version of what the files hold; a change that an older reader would misread raises it.
SCHEMA = 2
_MAGIC = b"AudioStyle run archive\n"
# HDF5 wants a power of two.
_HEADER_SIZE = 16384
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# What is read at once; no network can take an image of this size, or one for which L-BFGS remembers as much.
_LARGEST_READ = 2**31
_NAME = re.compile(r"\w{1,80}(/\w{1,80})?", re.ASCII)
_NUMBER = re.compile(r"<[if][48]|\|S[1-9]\d{0,7}")


@dataclasses.dataclass(frozen=True)
class Table:
    """A table to be written.

    Attributes
    ----------
    dtype : numpy.dtype
    shape : tuple of int
    blocks : iterable of numpy.ndarray
        Its contents from first to last, so that a long table need not be in memory.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    blocks: Iterable[np.ndarray]

    @property
    def size(self) -> int:
        """Bytes of its contents."""
        return self.dtype.itemsize * math.prod(self.shape)


def table(array: np.ndarray) -> Table:
    """Return an array as a table."""
    return Table(array.dtype, array.shape, (array,))


def write_tables(path: AnyPath, attributes: Mapping[str, Any], tables: Mapping[str, Table]) -> None:
    """Write a whole file.

    Parameters
    ----------
    path : path
        An empty file, which becomes visible under its own name later (:func:`audiostyle.files.replacing`).
    attributes : mapping of str to str or int
        They stand in the header, and are HDF5 attributes too.
    tables : mapping of str to Table
        By name, with slashes for groups.

    Raises
    ------
    OSError
        If the disk is full, the file-size limit too low, and so on.
    """
    attributes = {"schema": SCHEMA, **attributes}
    _reserve(path, _HEADER_SIZE + sum(one.size for one in tables.values()))
    offsets = _lay_out(path, attributes, tables)
    size = os.stat(path).st_size
    # The tables are holes up to here: a full disk is to show before anything is in them.
    _reserve(path, size)
    entries = {}
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        for name, one in tables.items():
            digest, end = hashlib.sha256(), offsets[name]
            for block in one.blocks:
                data = np.asarray(block, one.dtype).tobytes()
                digest.update(data)
                end = _write(descriptor, data, end)
            if end - offsets[name] != one.size:
                raise ValueError(f"the contents of {name} do not fill the shape {one.shape}")
            kind = one.dtype.str if one.dtype.names is None else one.dtype.descr
            entries[name] = {
                "offset": offsets[name], "type": kind, "shape": one.shape, "sha256": digest.hexdigest()
            }  # fmt: skip
        text = json.dumps({**attributes, "size": size, "tables": entries}).encode()
        header = _MAGIC + text + b"\n" + hashlib.sha256(text).hexdigest().encode() + b"\n"
        if len(header) > _HEADER_SIZE:
            raise ValueError(f"the header takes {len(header)} bytes and has {_HEADER_SIZE}")
        _write(descriptor, header.ljust(_HEADER_SIZE, b"\0"), 0)
    finally:
        os.close(descriptor)


class TableFile:
    """A file that :func:`write_tables` made, whose header was checked; tables are read when they are asked for.

    Parameters
    ----------
    path : path

    Attributes
    ----------
    path : pathlib.Path
    attributes : dict
    dtypes : dict of str to numpy.dtype
    shapes : dict of str to tuple of int

    Raises
    ------
    InputError
        If it is no such file, cut short, damaged or of another version; every method raises it likewise.
    """

    def __init__(self, path: AnyPath) -> None:
        self.path = Path(os.fsdecode(path))
        try:
            with open_regular(self.path) as stream:
                self._found = os.fstat(stream.fileno())
                start = stream.read(_HEADER_SIZE)
        except (OSError, ValueError) as error:
            self.refuse(reason(error))
        content = self._parse(start)
        self.attributes = {name: value for name, value in content.items() if name not in ("tables", "size")}
        self.dtypes: dict[str, np.dtype] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self._offsets: dict[str, int] = {}
        self._sums: dict[str, Any] = {}
        try:
            size, found = int(content["size"]), self._found.st_size
            if found != size:
                self.refuse(f"it {'is cut short' if found < size else 'has grown'}: it has {found} bytes, not {size}")
            for name, entry in content["tables"].items():
                self._add(name, entry)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            self.refuse("its header contradicts itself")

    def read(self, name: str) -> np.ndarray:
        """Return a whole table, which cannot be written to, checked against its SHA-256."""
        data = self._load(name, self.shapes[name])
        if hashlib.sha256(data).hexdigest() != self._sums[name]:
            self.refuse(f"the table {name} in it is damaged")
        return np.ndarray(self.shapes[name], self.dtypes[name], data)

    def read_row(self, name: str, at: int) -> np.ndarray:
        """Return one row of a table; whoever knows its SHA-256 has to check it."""
        shape = self.shapes[name][1:]
        return np.ndarray(shape, self.dtypes[name], self._load(name, shape, at))

    def refuse(self, why: str) -> NoReturn:
        """Raise InputError, saying that the file cannot be read and why."""
        raise InputError(f"The run archive {shown(self.path)} cannot be read: {why}.") from None

    def _load(self, name: str, shape: tuple[int, ...], at: int = 0) -> bytes:
        """Return the bytes of row `at`, where rows have this shape."""
        size = self.dtypes[name].itemsize * math.prod(shape)
        if size > _LARGEST_READ:
            self.refuse(f"its {name} are too large")
        try:
            with open_regular(self.path) as stream:
                # A writer may have put another file in its place, where everything lies elsewhere.
                if not os.path.samestat(os.fstat(stream.fileno()), self._found):
                    self.refuse("it was replaced while it was being read")
                stream.seek(self._offsets[name] + at * size)
                data = stream.read(size)
        except MemoryError:
            self.refuse("it is larger than the memory")
        except (OSError, ValueError) as error:
            self.refuse(reason(error))
        if len(data) != size:
            self.refuse("it was cut short while it was being read")
        return data

    def _parse(self, start: bytes) -> dict[str, Any]:
        """Return the header's contents, whose seal is whole and whose version is ours."""
        if not start.startswith(_MAGIC):
            if any(start[at:].startswith(_HDF5_SIGNATURE) for at in (0, *(512 << k for k in range(6)))):
                self.refuse("it is an HDF5 file, but not one that a transfer wrote")
            self.refuse("it is cut short" if _MAGIC.startswith(start) else "it is not a run archive")
        if len(start) < _HEADER_SIZE:
            self.refuse(f"it is cut short, after {len(start)} bytes")
        text, _, rest = start[len(_MAGIC) :].partition(b"\n")
        try:
            content = json.loads(text) if rest[:65] == hashlib.sha256(text).hexdigest().encode() + b"\n" else None
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict) or type(content.get("schema")) is not int:
            self.refuse("its header is damaged")
        if content["schema"] != SCHEMA:
            self.refuse(
                f"its layout has version {str(content['schema'])[:20]}, and this version of AudioStyle reads version "
                f"{SCHEMA}; use the version that made it"
            )
        return content

    def _add(self, name: str, entry: dict[str, Any]) -> None:
        """Take a table from the header; ValueError, TypeError or KeyError if anything in it cannot be."""
        if not _NAME.fullmatch(name):
            raise ValueError("a table has an impossible name")
        kind, shape, offset = entry["type"], entry["shape"], entry["offset"]
        numbers = [kind] if isinstance(kind, str) else [number for _, number in kind]
        if not all(_NUMBER.fullmatch(number) for number in numbers):
            raise ValueError("a table has another kind of numbers")
        dtype = np.dtype(kind if isinstance(kind, str) else [(field, number) for field, number in kind])
        if not all(type(length) is int and length >= 0 for length in (offset, *shape)):
            raise ValueError("a size is not a whole number")
        if dtype.itemsize * math.prod(shape) > self._found.st_size - offset:
            raise ValueError("a table is not inside the file")
        self.dtypes[name], self.shapes[name] = dtype, tuple(shape)
        self._offsets[name], self._sums[name] = offset, entry["sha256"]


def _lay_out(path: AnyPath, attributes: Mapping[str, Any], tables: Mapping[str, Table]) -> dict[str, int]:
    """Make the HDF5 file with every table at its full size and empty, and return where each lies."""
    import h5py

    offsets = {}
    plan, link = h5py.h5p.create(h5py.h5p.DATASET_CREATE), h5py.h5p.create(h5py.h5p.LINK_CREATE)
    plan.set_layout(h5py.h5d.CONTIGUOUS)
    plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    plan.set_obj_track_times(False)
    link.set_create_intermediate_group(True)
    try:
        with h5py.File(os.fsencode(path), "w", libver="earliest", userblock_size=_HEADER_SIZE, locking=False) as file:
            file.attrs.update(attributes)
            for name, one in tables.items():
                # The low-level call, because the other one makes scalars without their place in the file.
                space = h5py.h5s.create_simple(one.shape) if one.shape else h5py.h5s.create(h5py.h5s.SCALAR)
                kind = h5py.h5t.py_create(one.dtype, logical=True)
                data = h5py.h5d.create(file.id, name.encode(), kind, space, plan, link)
                offsets[name] = data.get_offset() if one.size else 0
    except RuntimeError as error:
        # What the system told the library is in the text of its error only.
        number = re.search(r"errno = (\d+)", str(error))
        raise OSError(int(number[1]) if number else errno.EIO, str(error)) from error
    return offsets


def _reserve(path: AnyPath, size: int) -> None:
    """Have a file take `size` bytes of the disk now; HDF5's library would not survive a full disk later."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        # A file system without reservations, such as some network ones.
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise
    finally:
        os.close(descriptor)


def _write(descriptor: int, data: bytes, at: int) -> int:
    """Write all of `data`, of which a single call may write less, and return where it ends."""
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, at)
        view, at = view[written:], at + written
    return at
