"""Where everything lies in ``run.h5``: an HDF5 file whose structure never changes once it is made.

HDF5's library keeps what it knows about a file in memory and writes it in no promised order, so a
process that dies while it holds a file open for writing may leave one that nothing can read.  Here
the library only makes the file, with every table at its full size and nothing in it; from then on
its structure stays as it is, and numbers are written into the tables by their places in the file.
Those places stand in a header of our own in the file's user block, which HDF5 leaves to
applications, together with SHA-256 sums of everything.

Reading therefore needs no HDF5 library either, which matters for files that somebody broke: the
library may crash on them, and a checked header cannot.
"""

import dataclasses
import errno
import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

import audiostyle

__all__ = [
    "HEADER_SIZE",
    "SCHEMA",
    "DamagedError",
    "Header",
    "Layout",
    "create_tables",
    "hash_structure",
    "pack_header",
    "parse_header",
    "record_type",
    "reserve",
    "sha256",
]

#: Version of the layout; a change that an older reader would misread raises it.
SCHEMA = 1
#: Bytes before the HDF5 part (its user block; HDF5 wants a power of two).
HEADER_SIZE = 16384
_MAGIC = b"AudioStyle run archive\n"
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_TABLES = ("finished_rounds", "description", "start_image", "rounds", "evaluations", "images")
# No network can take an image of this size; a header that asks for one is not from a run.
_LARGEST_IMAGE = 2**30
_LARGEST_DESCRIPTION = 2**24
_MOST_ROUNDS = 10**6
# All that is not in a table: HDF5's own structure, some kilobytes.
_LARGEST_STRUCTURE = 2**22

_ROUND = np.dtype(
    [
        ("index", "<i8"),
        ("total", "<f8"),
        ("evaluations", "<i8"),
        ("nit", "<i8"),
        ("warnflag", "<i8"),
        ("seconds", "<f8"),
        ("message", "S128"),
        ("first_row", "<i8"),
        ("rows", "<i8"),
        ("sha256", "S64"),
    ]
)


class DamagedError(Exception):
    """A file is not an archive, or not a whole one; the text follows "cannot be read:"."""


def record_type(parts: Sequence[str]) -> np.dtype:
    """Return the type of a row of ``evaluations``: round, index, total, seconds, then the parts."""
    head = [("round", "<i8"), ("index", "<i8"), ("total", "<f8"), ("seconds", "<f8")]
    return np.dtype(head + [(part, "<f8") for part in parts])


@dataclasses.dataclass(frozen=True)
class Layout:
    """Sizes of the tables: how much an archive has room for.

    Attributes
    ----------
    height, width : int
        Of the images.
    rounds, evaluations : int
        Rows that there is room for.
    parts : tuple of str
        Names of the loss parts.
    description : int
        Bytes of the JSON text.
    number : {'<f4', '<f8'}
        Type of the images' numbers, which is the network's (``float_type``).
    """

    height: int
    width: int
    rounds: int
    evaluations: int
    parts: tuple[str, ...]
    description: int
    number: str = "<f4"

    @property
    def image_size(self) -> int:
        """Bytes of one image."""
        return np.dtype(self.number).itemsize * 3 * self.height * self.width

    @property
    def row_size(self) -> int:
        """Bytes of one row of ``evaluations``."""
        return record_type(self.parts).itemsize

    @property
    def round_size(self) -> int:
        """Bytes of one row of ``rounds``."""
        return _ROUND.itemsize

    def tables(self) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
        """Type and shape of every table, in the order of the file."""
        image = (3, self.height, self.width)
        return {
            "finished_rounds": (np.dtype("<i8"), ()),
            "description": (np.dtype(f"S{self.description}"), ()),
            "start_image": (np.dtype(self.number), (1, *image)),
            "rounds": (_ROUND, (self.rounds,)),
            "evaluations": (record_type(self.parts), (self.evaluations,)),
            "images": (np.dtype(self.number), (self.rounds, *image)),
        }

    def sizes(self) -> dict[str, int]:
        """Bytes of every table."""
        return {name: kind.itemsize * math.prod(shape) for name, (kind, shape) in self.tables().items()}

    @property
    def total_size(self) -> int:
        """Bytes of the whole file, rounded up a little."""
        return HEADER_SIZE + sum(self.sizes().values()) + 2**16


@dataclasses.dataclass(frozen=True)
class Header:
    """The checked header of an archive: its layout, where the tables lie, and what must be in them."""

    layout: Layout
    offsets: dict[str, int]
    size: int
    sums: dict[str, str]


def create_tables(path: str | os.PathLike[str], layout: Layout) -> dict[str, int]:
    """Make the HDF5 file with every table at its full size, and return where each lies.

    Nothing is written into the tables: they read as zeros.

    Raises
    ------
    OSError
        If the disk is full, the file-size limit too low, and so on.
    """
    import h5py

    reserve(path, layout.total_size)
    offsets = {}
    try:
        # Aligned, so that the eight bytes of finished_rounds lie in one sector and are written at once.
        with h5py.File(
            os.fsencode(path),
            "w",
            libver="earliest",
            userblock_size=HEADER_SIZE,
            locking=False,
            alignment_threshold=1,
            alignment_interval=512,
        ) as file:
            file.attrs["schema"] = SCHEMA
            file.attrs["creator"] = f"AudioStyle {audiostyle.__version__}"
            for name, (kind, shape) in layout.tables().items():
                # The low-level call, because the other one makes scalars without their place in the file.
                plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                plan.set_layout(h5py.h5d.CONTIGUOUS)
                plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
                plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
                plan.set_obj_track_times(False)
                space = h5py.h5s.create_simple(shape) if shape else h5py.h5s.create(h5py.h5s.SCALAR)
                table = h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(kind, logical=True), space, plan)
                # A table without rows has no place.
                offsets[name] = table.get_offset() if table.get_storage_size() else 0
    except RuntimeError as error:
        # What the system told the library is in the text of its error only.
        number = re.search(r"errno = (\d+)", str(error))
        raise OSError(int(number[1]) if number else errno.EIO, str(error)) from error
    return offsets


def reserve(path: str | os.PathLike[str], size: int) -> None:
    """Make a file (or the file that is there) take `size` bytes of the disk now.

    Raises
    ------
    OSError
        If it has no room; some libraries would not survive finding that out for themselves.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        # A file system without reservations, such as some network ones.
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise
    finally:
        os.close(descriptor)


def hash_structure(descriptor: int, header: Header) -> str:
    """Return the SHA-256 of all bytes between the header and the end that are in no table."""
    digest = hashlib.sha256()
    for start, end in _gaps(header):
        digest.update(os.pread(descriptor, end - start, start))
    return digest.hexdigest()


def pack_header(header: Header) -> bytes:
    """Return the ``HEADER_SIZE`` bytes that stand before the HDF5 part."""
    content = {
        "schema": SCHEMA,
        "size": header.size,
        **dataclasses.asdict(header.layout),
        "offsets": header.offsets,
        "sha256": header.sums,
    }
    text = json.dumps(content).encode()
    packed = _MAGIC + text + b"\n" + sha256(text).encode() + b"\n"
    if len(packed) > HEADER_SIZE:
        raise ValueError(f"{len(header.layout.parts)} loss parts are too many for the header of {HEADER_SIZE} bytes")
    return packed.ljust(HEADER_SIZE, b"\0")


def parse_header(data: bytes, size: int) -> Header:
    """Read and check a header.

    Parameters
    ----------
    data : bytes
        The first ``HEADER_SIZE`` bytes of the file, or fewer if it is shorter.
    size : int
        Bytes of the whole file.

    Raises
    ------
    DamagedError
        If this is not the start of a whole archive that this version reads.
    """
    if not data.startswith(_MAGIC):
        signatures = [0, *(512 << k for k in range(6))]
        if any(data[at:].startswith(_HDF5_SIGNATURE) for at in signatures):
            raise DamagedError("it is an HDF5 file, but not one that a transfer wrote")
        cut = size == 0 or (size < len(_MAGIC) and _MAGIC.startswith(data))
        raise DamagedError("it is cut short" if cut else "it is not a run archive")
    text, _, rest = data[len(_MAGIC) :].partition(b"\n")
    if len(data) < HEADER_SIZE:
        raise DamagedError(f"it is cut short, after {len(data)} bytes")
    if rest[:65] != sha256(text).encode() + b"\n":
        raise DamagedError("its header is damaged")
    try:
        content = json.loads(text)
        schema = content["schema"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise DamagedError("its header is damaged") from None
    if schema != SCHEMA:
        raise DamagedError(
            f"its layout has version {schema!r:.20}, and this version of AudioStyle reads version {SCHEMA}; use the "
            "version that wrote it"
        )
    try:
        header = _header(content)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise DamagedError("its header contradicts itself") from None
    if size != header.size:
        what = "is cut short" if size < header.size else "has grown"
        raise DamagedError(f"it {what}: it has {size} bytes and should have {header.size}")
    return header


def sha256(*pieces: bytes) -> str:
    """Return the SHA-256 of all `pieces` in a row."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _header(content: dict[str, Any]) -> Header:
    """Build a header from parsed JSON; ValueError, TypeError or KeyError if anything is out of bounds."""

    def whole(value: Any, high: int, low: int = 0) -> int:
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"{value!r} is not a whole number from {low} to {high}")
        return value

    parts = content["parts"]
    if type(parts) is not list or not all(type(part) is str and 0 < len(part) <= 100 for part in parts):
        raise ValueError("the parts are not names")
    size = whole(content["size"], 2**60)
    layout = Layout(
        height=whole(content["height"], _LARGEST_IMAGE, 1),
        width=whole(content["width"], _LARGEST_IMAGE, 1),
        rounds=whole(content["rounds"], _MOST_ROUNDS),
        evaluations=whole(content["evaluations"], size),
        parts=tuple(parts),
        description=whole(content["description"], _LARGEST_DESCRIPTION, 1),
        number=content["number"],
    )
    if layout.number not in ("<f4", "<f8"):
        raise ValueError(f"{layout.number!r} is not a type of images")
    if layout.image_size > _LARGEST_IMAGE:
        raise ValueError("the images are too large")
    record_type(layout.parts)  # two parts of one name are a ValueError
    offsets = {}
    for name, length in layout.sizes().items():
        offsets[name] = whole(content["offsets"][name], size)
        if length and not HEADER_SIZE <= offsets[name] <= size - length:
            raise ValueError(f"{name} is not inside the file")
    sums = {name: content["sha256"][name] for name in ("description", "start_image", "structure")}
    header = Header(layout, offsets, size, sums)
    if sum(end - start for start, end in _gaps(header)) > _LARGEST_STRUCTURE:
        raise ValueError("the tables do not fill the file")
    return header


def _gaps(header: Header) -> Iterator[tuple[int, int]]:
    """Stretches of the file between the header and the end that are in no table."""
    sizes = header.layout.sizes()
    at = HEADER_SIZE
    for offset, size in sorted((header.offsets[name], sizes[name]) for name in _TABLES if sizes[name]):
        if offset > at:
            yield at, offset
        at = max(at, offset + size)
    if header.size > at:
        yield at, header.size
