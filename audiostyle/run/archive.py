"""``run.h5``: all that a run has computed so far, which a kill at any moment leaves readable.

While a run goes on, ``run.h5`` says what is run on what and where round 1 starts, and every finished round is a
small file of its own beside it, ``run.0001.h5`` and so on, each whole or not there at all.  At the end they are
merged into ``run.h5``.  All of them carry the random id of their run: what an overwritten run left behind, or a
run that was given the same folder wrote, is taken for no round of this one.
"""

import contextlib
import dataclasses
import json
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np

from audiostyle.errors import InputError, RunError
from audiostyle.files import AnyPath
from audiostyle.optimise import Evaluation, Round
from audiostyle.run.archived_run import RECORD, STATE, ArchivedRun, read_archive, row_type, sha256_of
from audiostyle.run.folder import RUN_FILES, RunFolder, round_file
from audiostyle.run.resume_check import check_same, resumed_description
from audiostyle.run.table_file import Table, TableFile, table, write_tables
from audiostyle.version import __version__

__all__ = ["ARCHIVE_NAME", "Archive", "largest_size"]

ARCHIVE_NAME = "run.h5"
# A line search of scipy's L-BFGS-B takes at most 20 evaluations past the limit.
_LINE_SEARCH = 21


class Archive:
    """The archive that a run is writing; made by :meth:`create` or :meth:`resume`, and there is nothing to close.

    Attributes
    ----------
    finished : int
        Rounds that are safe on the disk.
    """

    def __init__(self, folder: RunFolder, run_id: str, image: np.ndarray, finished: int = 0, keep: str = "all") -> None:
        self._folder, self._run_id, self.finished, self._keep = folder, run_id, finished, keep
        self._kind = image.dtype, image.shape
        self._before: tuple[Round, Sequence[Evaluation]] | None = None

    @classmethod
    def create(
        cls, folder: RunFolder, description: dict[str, Any], start_image: np.ndarray, keep: str = "all"
    ) -> "Archive":
        """Make ``run.h5`` and, where a run is being overwritten, remove that run's other files.

        Parameters
        ----------
        folder : RunFolder
            The entered folder of the run.
        description : dict
            What is run on what (:func:`audiostyle.run.description.describe_run`).
        start_image : numpy.ndarray of float32 or float64 ``(1, 3, height, width)``
            Where round 1 starts.
        keep : {'all', 'last'}
            Whose images are left in ``run.h5`` at the end: every round's, or that of the last one.

        Raises
        ------
        RunError
            If the file cannot be written.
        """
        if start_image.dtype not in ("<f4", "<f8"):
            raise ValueError(f"an image is float32 or float64, not {start_image.dtype}")
        nothing = ArchivedRun(folder.file(ARCHIVE_NAME), uuid.uuid4().hex, description, start_image)
        archive = cls(folder, nothing.run_id, start_image, keep=keep)
        archive._merge(nothing, description)
        folder.remove_previous(keep=(ARCHIVE_NAME,))
        return archive

    @classmethod
    def resume(cls, folder: RunFolder, description: dict[str, Any], keep: str = "all") -> tuple["Archive", ArchivedRun]:
        """Go on after the last finished round of the run in the folder; all its rounds are checked.

        Parameters
        ----------
        folder : RunFolder
            The folder, entered with ``resume=True``.
        description : dict
            What is to be run on what now; it must be what the archive holds.
        keep : {'all', 'last'}
            As :meth:`create` takes it.

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
        archive = cls(folder, run.run_id, run.start_image, len(run.rounds), keep)
        archive._merge(run, resumed_description(run, description))
        return archive, cls.read(path)

    @staticmethod
    def read(path: AnyPath) -> ArchivedRun:
        """Read the archive of a run that is finished, was interrupted or is going on: :func:`read_archive`."""
        return read_archive(path)

    def append_round(self, finished: Round, evaluations: Sequence[Evaluation]) -> None:
        """Add a finished round; when this returns, it is on the disk.

        Parameters
        ----------
        finished : Round
            The next round.  Of its `state`, only that of the last round is kept.
        evaluations : sequence of Evaluation
            All its evaluations, in order.

        Raises
        ------
        RunError
            If it cannot be written, or the folder or the archive in it is another run's by now.  The archive then
            holds the rounds before it.
        """
        if finished.index != self.finished + 1:
            raise ValueError(f"round {finished.index} cannot follow round {self.finished}")
        if (finished.image.dtype, finished.image.shape) != self._kind:
            raise ValueError(
                f"the image of round {finished.index} is of another kind: {finished.image.dtype} {finished.image.shape}"
            )
        if any(one.round != finished.index for one in evaluations):
            raise ValueError(f"an evaluation of another round was given with round {finished.index}")
        self._check_place()
        self._write_round(finished, evaluations)
        self.finished = finished.index
        if self._before is not None and self._before[0].state:
            without, its_evaluations = dataclasses.replace(self._before[0], state={}), self._before[1]
            # Room is all that this saves.
            with contextlib.suppress(RunError):
                self._write_round(without, its_evaluations)
        self._before = finished, tuple(evaluations)

    def finish(self) -> None:
        """Merge the files of the rounds into ``run.h5``.

        Where there is no room for that, they stay, and are complete too.

        Raises
        ------
        RunError
            If somebody else has changed the files or taken the folder.
        """
        self._check_place()
        try:
            run = self.read(self._folder.file(ARCHIVE_NAME))
            if len(run.rounds) != self.finished:
                raise InputError(f"It has {len(run.rounds)} rounds and should have {self.finished}.")
            with contextlib.suppress(RunError):
                self._merge(run, run.description)
        except InputError as error:
            raise RunError(f"The run's archive was changed while the run went on. {error}") from error

    def _check_place(self) -> None:
        """Raise RunError unless the folder, its lock and the archive in it are still this run's."""
        self._folder.check_place()
        try:
            head = TableFile(self._folder.file(ARCHIVE_NAME))
            if head.attributes.get("run") != self._run_id:
                head.refuse("it is another run's")
        except InputError as error:
            raise RunError(f"The run's archive was changed while the run went on. {error}") from error

    def _write_round(self, finished: Round, evaluations: Sequence[Evaluation]) -> None:
        parts = dict.fromkeys(part for one in evaluations for part in one.parts)
        rows = np.full(len(evaluations), np.nan, row_type(parts))
        for row, one in zip(rows, evaluations, strict=True):
            row["round"], row["index"], row["total"], row["seconds"] = one.round, one.index, one.total, one.seconds
            for part, value in one.parts.items():
                row[part] = value
        record = np.zeros(1, RECORD)
        for name in ("index", "total", "evaluations", "nit", "warnflag", "seconds"):
            record[name] = getattr(finished, name)
        record["message"] = finished.message.encode("ascii", "replace")
        record["rows"], record["image_sha256"] = len(rows), sha256_of(finished.image)
        tables = {"rounds": table(record), "evaluations": table(rows), "images": table(finished.image)}
        with self._folder.atomic_path(round_file(finished.index), f"Round {finished.index}") as path:
            write_tables(path, self._attributes, tables | _state_tables(finished))

    def _merge(self, run: ArchivedRun, description: dict[str, Any]) -> None:
        """Write ``run.h5`` with all rounds of `run`, then remove the files that held single ones."""
        text = json.dumps(description, sort_keys=True).encode("ascii")
        # A round starts from the image of the one before it, and from nothing else.
        kept = run.rounds.with_images if self._keep == "all" else run.rounds.with_images[-1:]
        shape = len(kept), *run.start_image.shape[1:]
        tables = {
            "description": table(np.array(text)),
            "start_image": table(run.start_image),
            "rounds": table(run.rounds.records),
            "evaluations": table(run.rows),
            "images": Table(run.start_image.dtype, shape, (run.rounds[at].image for at in kept)),
        }
        if run.rounds:
            tables |= _state_tables(run.rounds[-1])
        with self._folder.atomic_path(ARCHIVE_NAME, "The run's archive") as path:
            write_tables(path, self._attributes, tables)
        # All of them: what is not merged is of another run.
        self._folder.remove(name for name in self._folder.run_files() if name not in RUN_FILES)

    @property
    def _attributes(self) -> dict[str, str]:
        return {"creator": f"AudioStyle {__version__}", "run": self._run_id}


def largest_size(image: np.ndarray, rounds: int, max_evaluations: int, n_parts: int, state: int = 0) -> int:
    """Return the bytes of a finished archive, at most; all files of the rounds together have as many.

    Of the rounds' states, each of `state` bytes, only the last one stays.
    """
    row = row_type(map(str, range(n_parts))).itemsize
    one = image.nbytes + RECORD.itemsize + (max_evaluations + _LINE_SEARCH) * row + 2**15
    return image.nbytes + rounds * one + state


def _state_tables(finished: Round) -> dict[str, Table]:
    return {STATE + name: table(array) for name, array in finished.state.items()}
