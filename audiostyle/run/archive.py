"""``run.h5``: all a run has computed so far, readable whenever the power goes.

Four ways to keep rounds were weighed.  Rewriting the file after each round costs the square of the
number of rounds (39 images of 21 MB: 16 GB).  Appending with the HDF5 library leaves a file nothing
can open if the process dies at the wrong moment.  One file per round is safe, but then ``run.h5``
holds nothing until the end.  So here the file is made once, at its full size, and a round is
written into the place that is reserved for it (see :mod:`audiostyle.run.layout`): first its image,
its evaluations and its record with their SHA-256, then, after these are on the disk, the count of
finished rounds, eight bytes that are written at once.  Whatever stands beyond the count does not
exist.  Every byte is written once, a full disk shows before the first round, and the file is valid
HDF5 at every instant.

At the end the file is rewritten without the room that was not needed, so that a reader finds
exactly the finished rounds.
"""

import contextlib
import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from audiostyle.errors import InputError, RunError
from audiostyle.optimise import Evaluation, Round
from audiostyle.run.archived import ArchivedRun, read_archive
from audiostyle.run.folder import RunFolder, reason, shown
from audiostyle.run.layout import (
    Header,
    Layout,
    create_tables,
    hash_structure,
    pack_header,
    record_type,
    reserve,
    sha256,
)
from audiostyle.run.sameness import check_same, resumed_description

__all__ = ["ARCHIVE_NAME", "Archive", "archive_size"]

ARCHIVE_NAME = "run.h5"
# Room that is reserved at most before it is needed; a longer run grows into more by rewriting.
_RESERVED_IMAGES = 2**30
_RESERVED_ROWS = 2**26
# A line search of scipy's L-BFGS-B takes at most 20 evaluations past the limit.
_LINE_SEARCH = 21


class Archive:
    """An archive that a run is writing.

    Made by :meth:`create` or :meth:`resume`; there is nothing to close.

    Attributes
    ----------
    finished : int
        Rounds that are safe on the disk.
    """

    def __init__(self, folder: RunFolder, header: Header, finished: int, n_rows: int) -> None:
        self._folder = folder
        self._header = header
        self._n_rows = n_rows
        self.finished = finished

    @classmethod
    def create(
        cls,
        folder: RunFolder,
        description: dict[str, Any],
        start_image: np.ndarray,
        *,
        rounds: int = 0,
        max_evaluations: int = 0,
        parts: Sequence[str] = (),
    ) -> "Archive":
        """Make ``run.h5`` and, where a run is being overwritten, remove that run's other files.

        Parameters
        ----------
        folder : RunFolder
            The entered folder of the run.
        description : dict
            What is run on what (:func:`audiostyle.run.manifest.describe_run`).
        start_image : numpy.ndarray of float32 or float64 ``(1, 3, height, width)``
            Where round 1 starts.
        rounds, max_evaluations : int
            Rounds to come and the optimiser's limit in each: room to reserve.  More may come.
        parts : sequence of str
            Names of the loss parts, if they are known; otherwise the first round tells.

        Raises
        ------
        RunError
            If the file cannot be written, for instance because the disk has no room for all rounds.
        """
        text = _pack(description)
        _, _, height, width = start_image.shape
        layout = _room(height, width, rounds, max_evaluations, parts, len(text), _number(start_image))
        header = _build(folder, layout, text, start_image)
        folder.remove_previous(keep=(ARCHIVE_NAME,))
        return cls(folder, header, 0, 0)

    @classmethod
    def resume(
        cls, folder: RunFolder, description: dict[str, Any], *, rounds: int = 0, max_evaluations: int = 0
    ) -> tuple["Archive", ArchivedRun]:
        """Open ``run.h5`` to go on after its last finished round.

        Parameters
        ----------
        folder : RunFolder
            The folder, entered with ``resume=True``.
        description : dict
            What is to be run on what now; it must be what the archive holds.
        rounds, max_evaluations : int
            As for :meth:`create`; `rounds` counts the finished ones too.

        Returns
        -------
        tuple of Archive and ArchivedRun
            The archive to go on with, and what it holds already.

        Raises
        ------
        InputError
            If the archive cannot be read or is of another run.
        RunError
            If it cannot be written.
        """
        path = folder.file(ARCHIVE_NAME)
        run = cls.read(path)
        check_same(run, description)
        text = _pack(resumed_description(run, description))
        height, width = run.start_image.shape[2:]
        rows = run.rows
        layout = _room(
            height, width, rounds, max_evaluations, rows.dtype.names[4:], len(text), _number(run.start_image)
        )
        layout = dataclasses.replace(
            layout,
            rounds=max(layout.rounds, len(run.rounds)),
            evaluations=max(layout.evaluations, len(rows)),
        )
        header = _build(folder, layout, text, run.start_image, run)
        return cls(folder, header, len(run.rounds), len(rows)), cls.read(path)

    def append_round(self, finished: Round, evaluations: Sequence[Evaluation]) -> None:
        """Add a finished round; when this returns, it is on the disk.

        Parameters
        ----------
        finished : Round
            The next round.
        evaluations : sequence of Evaluation
            All its evaluations, in order.

        Raises
        ------
        RunError
            If it cannot be written.  The archive then holds the rounds before it.
        """
        if finished.index != self.finished + 1:
            raise ValueError(f"round {finished.index} cannot follow round {self.finished}")
        layout = self._header.layout
        image = finished.image
        if image.shape != (1, 3, layout.height, layout.width) or _number(image) != layout.number:
            raise ValueError(f"the image of round {finished.index} is of another kind: {image.dtype} {image.shape}")
        if any(one.round != finished.index for one in evaluations):
            raise ValueError(f"an evaluation of another round was given with round {finished.index}")
        self._make_room(evaluations)
        descriptor = -1
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
            rows = _table(evaluations, self._header.layout.parts)
            _write_round(descriptor, self._header, finished, rows, self._n_rows)
            os.fsync(descriptor)
            _write_count(descriptor, self._header, finished.index)
            os.fsync(descriptor)
        except OSError as error:
            raise RunError(
                f"Round {finished.index} could not be written to {shown(self._path)}: {reason(error)}; the rounds "
                "before it are kept."
            ) from error
        finally:
            if descriptor >= 0:
                os.close(descriptor)
        self.finished = finished.index
        self._n_rows += len(evaluations)

    def finish(self) -> None:
        """Give back the room that was not needed, so that the tables hold finished rounds only.

        Where there is no room for the copy that this takes, the archive stays as it is, which is
        complete too.
        """
        layout = self._header.layout
        if (layout.rounds, layout.evaluations) == (self.finished, self._n_rows):
            return
        run = self._read_back()
        layout = dataclasses.replace(layout, rounds=self.finished, evaluations=self._n_rows)
        with contextlib.suppress(RunError):
            self._header = _build(self._folder, layout, _pack(run.description), run.start_image, run)

    @staticmethod
    def read(path: str | os.PathLike[str]) -> ArchivedRun:
        """Read an archive: :func:`audiostyle.run.archived.read_archive`."""
        return read_archive(path)

    @property
    def _path(self) -> Path:
        return self._folder.file(ARCHIVE_NAME)

    def _make_room(self, evaluations: Sequence[Evaluation]) -> None:
        """Rewrite the file with more room (or more loss parts) if the next round does not fit."""
        layout = self._header.layout
        parts = tuple(dict.fromkeys([*layout.parts, *(part for one in evaluations for part in one.parts)]))
        rounds, rows = self.finished + 1, self._n_rows + len(evaluations)
        if rounds <= layout.rounds and rows <= layout.evaluations and parts == layout.parts:
            return
        # Doubling: however long the run, all the rewriting costs as much as writing it twice more.
        # Rows are made for as many rounds as there is room for, lest they ask for the next rewriting.
        room = layout.rounds if rounds <= layout.rounds else max(rounds, 2 * layout.rounds)
        need = max(2 * rows, rows * room // rounds)
        layout = dataclasses.replace(layout, parts=parts, rounds=room, evaluations=max(need, layout.evaluations))
        run = self._read_back()
        self._header = _build(self._folder, layout, _pack(run.description), run.start_image, run)

    def _read_back(self) -> ArchivedRun:
        try:
            run = self.read(self._path)
        except InputError as error:
            raise RunError(f"The run's archive was changed while the run went on. {error}") from error
        if len(run.rounds) != self.finished:
            raise RunError(f"The run's archive {shown(self._path)} was changed while the run went on.")
        return run


def archive_size(
    height: int, width: int, rounds: int, max_evaluations: int, parts: Sequence[str], float_type: str = "float32"
) -> int:
    """Return the bytes that :meth:`Archive.create` reserves, about, for a check before the run."""
    return _room(height, width, rounds, max_evaluations, parts, 2**16, np.dtype(float_type).str).total_size


def _room(
    height: int, width: int, rounds: int, max_evaluations: int, parts: Sequence[str], description: int, number: str
) -> Layout:
    """The room to reserve for a run of `rounds` rounds."""
    empty = Layout(height, width, 0, 0, tuple(parts), description, number)
    rounds = max(1, min(max(rounds, 1), _RESERVED_IMAGES // empty.image_size))
    rows = min(rounds * (max_evaluations + _LINE_SEARCH), _RESERVED_ROWS // empty.row_size)
    return dataclasses.replace(empty, rounds=rounds, evaluations=rows)


def _number(image: np.ndarray) -> str:
    """Return the type of an image's numbers as the layout names it."""
    number = image.dtype.newbyteorder("<").str
    if number not in ("<f4", "<f8"):
        raise ValueError(f"an image is float32 or float64, not {image.dtype}")
    return number


def _pack(description: dict[str, Any]) -> bytes:
    return json.dumps(description, sort_keys=True).encode("ascii")


def _build(
    folder: RunFolder, layout: Layout, description: bytes, start_image: np.ndarray, run: ArchivedRun | None = None
) -> Header:
    """Write a whole new archive, with the rounds of `run`, in place of the one that may be there."""
    with folder.atomic_path(ARCHIVE_NAME) as part:
        offsets = create_tables(part, layout)
        descriptor = os.open(part, os.O_RDWR | os.O_CLOEXEC)
        try:
            size = os.fstat(descriptor).st_size
            # The tables are holes up to here: now a full disk shows, and not in the last round.
            reserve(part, size)
            image = np.ascontiguousarray(start_image, dtype=layout.number).tobytes()
            sums = {"description": sha256(description), "start_image": sha256(image), "structure": ""}
            header = Header(layout, offsets, size, sums)
            sums["structure"] = hash_structure(descriptor, header)
            _write(descriptor, description, offsets["description"])
            _write(descriptor, image, offsets["start_image"])
            if run is not None:
                _copy_rounds(descriptor, header, run)
            _write(descriptor, pack_header(header), 0)
        finally:
            os.close(descriptor)
    return header


def _copy_rounds(descriptor: int, header: Header, run: ArchivedRun) -> None:
    """Write the rounds of another archive, whose loss parts may be fewer."""
    rows = np.full(len(run.rows), np.nan, record_type(header.layout.parts))
    for name in run.rows.dtype.names or ():
        rows[name] = run.rows[name]
    for one in run.rounds:
        first, end = np.searchsorted(rows["round"], [one.index, one.index + 1])
        _write_round(descriptor, header, one, rows[first:end], int(first))
    _write_count(descriptor, header, len(run.rounds))


def _write_round(descriptor: int, header: Header, finished: Round, rows: np.ndarray, first_row: int) -> None:
    """Write all of a round into its place, but not that it is there."""
    layout, offsets = header.layout, header.offsets
    at = finished.index - 1
    image = np.ascontiguousarray(finished.image, dtype=layout.number).tobytes()
    evaluations = rows.tobytes()
    record = np.zeros((), layout.tables()["rounds"][0])
    for name in ("index", "total", "evaluations", "nit", "warnflag", "seconds"):
        record[name] = getattr(finished, name)
    record["message"] = finished.message.encode("ascii", "replace")
    record["first_row"], record["rows"] = first_row, len(rows)
    record["sha256"] = sha256(record.tobytes(), image, evaluations).encode()
    _write(descriptor, image, offsets["images"] + at * layout.image_size)
    _write(descriptor, evaluations, offsets["evaluations"] + first_row * layout.row_size)
    _write(descriptor, record.tobytes(), offsets["rounds"] + at * layout.round_size)


def _write_count(descriptor: int, header: Header, count: int) -> None:
    _write(descriptor, np.array(count, "<i8").tobytes(), header.offsets["finished_rounds"])


def _write(descriptor: int, data: bytes, at: int) -> None:
    """Write all of `data`; a single call may write less, for instance up to a limit."""
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, at)
        view, at = view[written:], at + written


def _table(evaluations: Sequence[Evaluation], parts: Sequence[str]) -> np.ndarray:
    """Evaluations as rows of the table; a part that one lacks is NaN."""
    table = np.full(len(evaluations), np.nan, record_type(parts))
    for row, one in zip(table, evaluations, strict=True):
        row["round"], row["index"], row["total"], row["seconds"] = one.round, one.index, one.total, one.seconds
        for part, value in one.parts.items():
            row[part] = value
    return table
