"""An archive that was read: all that ``run.h5`` holds, checked against its SHA-256 sums.

The HDF5 library is not asked (see :mod:`audiostyle.run.layout`): whatever bytes a file is made of,
it is either an archive or refused in a sentence.
"""

import dataclasses
import hashlib
import json
import math
import mmap
import os
import stat
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from audiostyle.errors import InputError
from audiostyle.optimise import Evaluation, Round
from audiostyle.run.folder import reason, shown
from audiostyle.run.layout import HEADER_SIZE, SCHEMA, DamagedError, hash_structure, parse_header, sha256

__all__ = ["ArchivedRun", "read_archive"]

_BLOCK = 2**20


@dataclasses.dataclass(frozen=True, eq=False)
class ArchivedRun:
    """What an archive holds; everything in it was checked against its SHA-256.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    schema : int
        Version of the layout.
    description : dict
        What was run on what, as :func:`audiostyle.run.manifest.describe_run` made it.
    start_image : numpy.ndarray ``(1, 3, height, width)``
        Where round 1 started.
    rounds : tuple of Round
        The finished rounds.  Their images are read from the disk when they are used.
    rows : numpy.ndarray, structured, ``(n_evaluations,)``
        The evaluations of the finished rounds: round, index, total, seconds and every loss part.
    """

    path: Path
    schema: int
    description: dict[str, Any]
    start_image: np.ndarray
    rounds: tuple[Round, ...]
    rows: np.ndarray

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the run, by name."""
        return self.description.get("settings", {})

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of the content clip, the style clip and the weights."""
        named = {**self.description.get("inputs", {}), "weights": self.description.get("weights", {})}
        return {name: entry.get("sha256", "") for name, entry in named.items()}

    @property
    def last_image(self) -> np.ndarray:
        """Where the next round starts: a copy, ``(1, 3, height, width)``."""
        return np.array(self.rounds[-1].image if self.rounds else self.start_image)

    @cached_property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """The evaluations of the finished rounds."""
        return tuple(_evaluations(self.rows))


def read_archive(path: str | os.PathLike[str]) -> ArchivedRun:
    """Read an archive, of a finished, an interrupted or a running run.

    Parameters
    ----------
    path : str or path-like
        A ``run.h5``.

    Returns
    -------
    ArchivedRun
        Its finished rounds.

    Raises
    ------
    InputError
        If it cannot be read: not there, not an archive, of a newer version, or damaged.
    """
    try:
        # Not blocking, for a FIFO of that name would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise DamagedError("it is not a file")
            return _read(descriptor, Path(os.fspath(path)), found.st_size)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        why = "there is no such file"
    except MemoryError:
        why = "it is larger than the memory"
    except OSError as error:
        why = reason(error)
    except DamagedError as error:
        why = str(error)
    raise InputError(f"The run archive {shown(path)} cannot be read: {why}.")


def _read(descriptor: int, path: Path, size: int) -> ArchivedRun:
    """Read and check an open archive; DamagedError says what is wrong with it."""
    header = parse_header(os.pread(descriptor, HEADER_SIZE, 0), size)
    layout, offsets = header.layout, header.offsets
    if hash_structure(descriptor, header) != header.sums["structure"]:
        raise DamagedError("its HDF5 structure is damaged")

    def load(name: str, count: int | None = None) -> np.ndarray:
        kind, shape = layout.tables()[name]
        shape = shape if count is None else (count, *shape[1:])
        data = np.empty(kind.itemsize * math.prod(shape), np.uint8)
        _read_into(data.data, descriptor, offsets[name])
        return data.view(kind).reshape(shape)

    text, start_image = load("description").tobytes(), load("start_image")
    if sha256(text) != header.sums["description"] or sha256(start_image.tobytes()) != header.sums["start_image"]:
        raise DamagedError("its description or its start image is damaged")
    try:
        description = json.loads(text)
    except (ValueError, RecursionError):
        description = None
    groups = ("settings", "inputs", "weights", "machine", "versions")
    if not isinstance(description, dict) or not all(isinstance(description.get(name, {}), dict) for name in groups):
        raise DamagedError("its description is not what a transfer writes")
    finished = int(load("finished_rounds"))
    if not 0 <= finished <= layout.rounds:
        raise DamagedError(f"it counts {finished} finished rounds and has room for {layout.rounds}")
    records = load("rounds", finished)
    n_rows = 0
    for at, record in enumerate(records):
        count = int(record["rows"])
        if record["index"] != at + 1 or record["first_row"] != n_rows or not 0 <= count <= layout.evaluations - n_rows:
            raise DamagedError(f"the record of its round {at + 1} is damaged")
        n_rows += count
        bare = record.copy()
        bare["sha256"] = b""
        digest = hashlib.sha256(bare.tobytes())
        _hash_stretch(digest, descriptor, offsets["images"] + at * layout.image_size, layout.image_size)
        first = offsets["evaluations"] + int(record["first_row"]) * layout.row_size
        _hash_stretch(digest, descriptor, first, count * layout.row_size)
        if digest.hexdigest().encode() != record["sha256"]:
            raise DamagedError(f"its round {at + 1} is damaged")
    rows = load("evaluations", n_rows)
    # Read from the disk when they are used: a long run's images may be more than the memory.
    mapped = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    shape = (finished, 1, 3, layout.height, layout.width)
    images = np.frombuffer(mapped, layout.number, math.prod(shape), offsets["images"]).reshape(shape)
    rounds = tuple(_round(record, image) for record, image in zip(records, images, strict=True))
    return ArchivedRun(path, SCHEMA, description, start_image, rounds, rows)


def _hash_stretch(digest: Any, descriptor: int, at: int, size: int) -> None:
    block = memoryview(bytearray(min(size, _BLOCK)))
    while size:
        part = block[: min(size, _BLOCK)]
        _read_into(part, descriptor, at)
        digest.update(part)
        at, size = at + len(part), size - len(part)


def _read_into(view: memoryview, descriptor: int, at: int) -> None:
    while view:
        count = os.preadv(descriptor, [view], at)
        if not count:
            raise DamagedError("it was cut short while it was being read")
        view, at = view[count:], at + count


def _round(record: np.ndarray, image: np.ndarray) -> Round:
    return Round(
        index=int(record["index"]),
        image=image,
        total=float(record["total"]),
        evaluations=int(record["evaluations"]),
        message=bytes(record["message"]).decode("ascii", "replace"),
        warnflag=int(record["warnflag"]),
        nit=int(record["nit"]),
        seconds=float(record["seconds"]),
    )


def _evaluations(rows: np.ndarray) -> Iterator[Evaluation]:
    parts = rows.dtype.names[4:]
    for row in rows:
        values = {part: float(row[part]) for part in parts}
        yield Evaluation(int(row["round"]), int(row["index"]), values, float(row["total"]), float(row["seconds"]))
