"""An archive that was read: a run's description, its evaluations, and its rounds as they are asked for."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from audiostyle.files import AnyPath
from audiostyle.optimise import Evaluation, Round
from audiostyle.run.description import fault_of_description
from audiostyle.run.folder import round_file
from audiostyle.run.table_file import TableFile

__all__ = ["RECORD", "STATE", "ArchivedRun", "StoredRounds", "read_archive", "row_type", "sha256_of"]

#: A row of the table ``rounds``.
RECORD = np.dtype(
    {
        "names": ["index", "total", "evaluations", "nit", "warnflag", "seconds", "message", "rows", "image_sha256"],
        "formats": ["<i8", "<f8", "<i8", "<i8", "<i8", "<f8", "S128", "<i8", "S64"],
    }
)
#: How the names of the tables begin that hold what the optimiser keeps between two rounds.
STATE = "state/"
_LONGEST_NAME = 80
_ROW = [("round", "<i8"), ("index", "<i8"), ("total", "<f8"), ("seconds", "<f8")]


def row_type(parts: Iterable[str]) -> np.dtype:
    """Return the type of a row of ``evaluations``: round, index, total, seconds, then the loss parts."""
    return np.dtype(_ROW + [(part, "<f8") for part in parts])


def parts_of(kind: np.dtype) -> tuple[str, ...]:
    """Return the names of the loss parts in a type of :func:`row_type`."""
    return (kind.names or ())[len(_ROW) :]


def sha256_of(array: np.ndarray) -> bytes:
    """Return the SHA-256 of an array's numbers in hexadecimal."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest().encode()


class StoredRounds(Sequence[Round]):
    """Finished rounds, each of which is read, and its image checked, every time that it is asked for.

    Parameters
    ----------
    records : numpy.ndarray of RECORD ``(n,)``
    places : sequence of (TableFile, int)
        Where each round is: the file, and the row of its table ``rounds``.

    Attributes
    ----------
    with_images : list of int
        Which rounds have an image, counted from 0: all, or, in an archive that keeps the last image only, those since
        then.  The others' ``image`` is empty.
    """

    def __init__(self, records: np.ndarray | None = None, places: Sequence[tuple[TableFile, int]] = ()) -> None:
        self.records = np.empty(0, RECORD) if records is None else records
        self._places = places
        self.with_images = [at for at, (file, row) in enumerate(places) if _image_row(file, row) >= 0]

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[number] for number in range(*at.indices(len(self)))]
        record, (file, row) = self.records[at], self._places[at]
        image_row = _image_row(file, row)
        image = file.read_row("images", image_row)[None] if image_row >= 0 else np.empty(0)
        if image_row >= 0 and sha256_of(image) != record["image_sha256"]:
            file.refuse(f"its round {record['index']} is damaged")
        index, total, evaluations, nit, warnflag, seconds, message = record.item()[:7]
        # A file keeps the state of its last round only.
        names = [name for name in file.shapes if name.startswith(STATE)] if row + 1 == file.shapes["rounds"][0] else []
        state = {name.removeprefix(STATE): file.read(name) for name in names}
        return Round(
            index, image, total, evaluations, message.decode("ascii", "replace"), warnflag, nit, seconds, state
        )


@dataclasses.dataclass(frozen=True, eq=False)
class ArchivedRun:
    """What an archive holds.

    Attributes
    ----------
    path : pathlib.Path
        Of ``run.h5``.
    run_id : str
        Random, and in all files of the run.
    description : dict
        What was run on what, as :func:`audiostyle.run.description.describe_run` made it.
    start_image : numpy.ndarray ``(1, 3, height, width)``
        Where round 1 started.
    rounds : StoredRounds
        The finished rounds.
    rows : numpy.ndarray, structured, ``(n_evaluations,)``
        The evaluations of the finished rounds: round, index, total, seconds and every loss part.
    """

    path: Path
    run_id: str
    description: dict[str, Any]
    start_image: np.ndarray
    rounds: StoredRounds = dataclasses.field(default_factory=StoredRounds)
    rows: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0, row_type(())))

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the run, by name."""
        return self.description["settings"]

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of the content clip, the style clip, the weights and, where there was one, the run to start from."""
        named = {**self.description["inputs"], "weights": self.description["weights"]}
        return {name: entry["sha256"] for name, entry in named.items()}

    @property
    def last_image(self) -> np.ndarray:
        """Where the next round starts: a copy, ``(1, 3, height, width)``."""
        return np.array(self.rounds[-1].image if self.rounds else self.start_image)

    @cached_property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """The evaluations of the finished rounds."""
        parts = parts_of(self.rows.dtype)
        return tuple(
            Evaluation(index, number, dict(zip(parts, values, strict=True)), total, seconds)
            for index, number, total, seconds, *values in self.rows.tolist()
        )


def read_archive(path: AnyPath) -> ArchivedRun:
    """Read ``run.h5`` and the files of single rounds that are beside it.

    Raises
    ------
    InputError
        If it cannot be read: not there, not an archive, of another version, or damaged.  What is read later, an
        image, is checked then.
    """
    file = head = TableFile(path)
    run_id, description, start_image = _read_start(head)
    records, rows = [], []
    places: list[tuple[TableFile, int]] = []
    while file.attributes.get("run") == run_id:
        found, evaluations = _read_rounds(file, len(places), start_image)
        records.append(found)
        rows.append(evaluations)
        places += [(file, row) for row in range(len(found))]
        part = head.path.with_name(round_file(len(places) + 1))
        if not os.path.lexists(part):
            break
        file = TableFile(part)
    rounds = StoredRounds(np.concatenate(records), places)
    return ArchivedRun(head.path, run_id, description, start_image, rounds, _joined(rows))


def _read_start(head: TableFile) -> tuple[str, dict[str, Any], np.ndarray]:
    """Read what is run on what, and the image that round 1 starts from."""
    run_id, shape, kinds = head.attributes.get("run"), head.shapes, head.dtypes
    if not {"description", "start_image"} <= set(kinds) or not isinstance(run_id, str):
        head.refuse("it holds a single round; name the run.h5 beside it")
    if not _may_be_a_name(run_id):
        head.refuse("its run has an impossible name")
    size = shape["start_image"]
    if len(size) != 4 or size[:2] != (1, 3) or 0 in size or kinds["start_image"] not in ("<f4", "<f8"):
        head.refuse("its start image is no image")
    if kinds["description"].kind != "S":
        head.refuse("its description is no text")
    try:
        description = json.loads(head.read("description").tobytes())
    except (ValueError, RecursionError):
        description = None
    if fault := fault_of_description(description):
        head.refuse(f"its description is not what a transfer writes: {fault}")
    return run_id, description, head.read("start_image")


def _read_rounds(file: TableFile, before: int, start_image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Read a file's rounds and evaluations, which follow round `before`; its images are only looked at."""
    kinds, shapes = file.dtypes, file.shapes
    try:
        right = kinds["rounds"] == RECORD and kinds["evaluations"] == row_type(parts_of(kinds["evaluations"]))
        right = right and all(map(_may_be_a_part, parts_of(kinds["evaluations"])))
        right = right and len(shapes["rounds"]) == len(shapes["evaluations"]) == 1
        right = right and kinds["images"] == start_image.dtype
        right = right and shapes["images"][1:] == start_image.shape[1:]
        rounds, images = shapes["rounds"][0], shapes["images"][0]
        right = right and min(rounds, 1) <= images <= rounds
    except (IndexError, KeyError, TypeError, ValueError):
        right = False
    if not right:
        file.refuse("its tables are not those of a run")
    records, rows = file.read("rounds"), file.read("evaluations")
    index, counts = before + 1 + np.arange(len(records)), records["rows"]
    sound = np.array_equal(records["index"], index) and ((counts >= 0) & (counts <= len(rows))).all()
    if not sound or counts.sum() != len(rows) or not np.array_equal(rows["round"], np.repeat(index, counts)):
        file.refuse("its rounds and evaluations contradict each other")
    return records, rows


def _may_be_a_name(text: str) -> bool:
    """Say whether a run can be called so; the name is written into every round."""
    return text.isascii() and text.isalnum() and len(text) <= _LONGEST_NAME


def _may_be_a_part(name: str) -> bool:
    """Say whether a loss part, which heads a column and stands in a picture's legend, can have such a name."""
    return name.isascii() and name.isidentifier() and len(name) <= _LONGEST_NAME


def _image_row(file: TableFile, row: int) -> int:
    """Return where a round's image is in the table of images, which may hold the last ones only; else less than 0."""
    return row - file.shapes["rounds"][0] + file.shapes["images"][0]


def _joined(tables: Sequence[np.ndarray]) -> np.ndarray:
    """Return tables of evaluations one after the other; a loss part that one of them lacks is NaN there."""
    parts = dict.fromkeys(part for one in tables for part in parts_of(one.dtype))
    whole = np.full(sum(map(len, tables)), np.nan, row_type(parts))
    at = 0
    for one in tables:
        for name in one.dtype.names or ():
            whole[name][at : at + len(one)] = one[name]
        at += len(one)
    return whole
