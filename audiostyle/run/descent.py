"""The rounds of one run: told to a reporter, kept in the archive, stopped when the user wants it."""

import time

import numpy as np

from audiostyle.errors import RunError
from audiostyle.records import Evaluation, Round
from audiostyle.run.archive import Archive
from audiostyle.run.archived import ArchivedRun
from audiostyle.run.memory import MemoryFile
from audiostyle.settings import Settings
from audiostyle.transfer import Memory, ObjectiveFunction, transfer

__all__ = ["Descent", "Interruption", "Reporter"]


class Reporter:
    """Hears what a run does, and ignores it; subclasses show it."""

    def plan(self, lines: list[str]) -> None:
        """Hear what will be done, before the long part."""

    def stage(self, text: str) -> None:
        """Hear that a stage begins."""

    def descent(self, settings: Settings, first_round: int, seconds_per_evaluation: float) -> None:
        """Hear that rounds `first_round` to ``settings.rounds`` begin, and how long an evaluation takes."""

    def evaluation(self, evaluation: Evaluation) -> None:
        """Hear of every evaluation."""

    def round(self, finished: Round) -> None:
        """Hear of every finished round."""

    def descent_ended(self) -> None:
        """Hear that no more evaluations come."""

    def warning(self, text: str) -> None:
        """Hear a sentence the user should read."""


class Interruption:
    """Says whether the user wants the run to stop; this one never does.

    Attributes
    ----------
    signal : int
        Number of the signal that asked for it, or 0.
    patient : bool
        Whether there is something worth saving, so that the run should end by itself.
    """

    signal: int = 0
    patient: bool = False


# scipy's warnflag for a line search that failed, as float32's noise can make it.
_ABNORMAL = 2


class _Stopped(Exception):
    """Raised inside an evaluation to leave the optimiser."""


class Descent:
    """Rounds of L-BFGS over an objective, from the start image or from where an archive ends.

    Parameters
    ----------
    objective : callable
        As :func:`audiostyle.transfer.transfer` takes it.
    start : np.ndarray ``(1, 3, height, width)``
        Where round 1 starts.
    archive : Archive
        Gets every finished round.
    archived : ArchivedRun or None
        What the archive held already.
    reporter : Reporter
    interruption : Interruption
    memory_file : MemoryFile, optional
        Keeps the optimiser's memory, with ``restart='continue'`` only; without it there is no resume.

    Attributes
    ----------
    rounds : list of Round
        Finished ones.
    evaluations : list of Evaluation
        All, those of an unfinished round too.
    image : np.ndarray ``(1, 3, height, width)``
        That of the last finished round; before there is one, the last point evaluated.
    """

    def __init__(
        self,
        objective: ObjectiveFunction,
        start: np.ndarray,
        archive: Archive,
        archived: ArchivedRun | None,
        reporter: Reporter,
        interruption: Interruption,
        memory_file: MemoryFile | None = None,
    ) -> None:
        self._objective, self._archive = objective, archive
        self._reporter, self._interruption = reporter, interruption
        self._memory_file = memory_file
        self.evaluations: list[Evaluation] = list(archived.evaluations) if archived else []
        self.rounds: list[Round] = list(archived.rounds) if archived else []
        self.image = archived.last_image if archived else start

    def run(self, settings: Settings) -> None:
        """Descend until all rounds are done or the user interrupts.

        Raises
        ------
        RunError
            If a number goes wrong or a round cannot be kept; `image` is then the last good one.
        """
        unfinished: list[Evaluation] = []
        candidate = self.image

        def objective(image: np.ndarray) -> tuple[dict[str, float], float, np.ndarray]:
            nonlocal candidate
            candidate = image
            return self._objective(image)

        def heard(evaluation: Evaluation) -> None:
            unfinished.append(evaluation)
            if not self.rounds:
                self.image = candidate
            self._reporter.evaluation(evaluation)
            if self._interruption.signal:
                raise _Stopped

        first = len(self.rounds) + 1
        if first > settings.rounds:
            return
        keeper = self._memory_file if settings.restart == "continue" else None
        memory = Memory(keeper.read(first - 1) if keeper and first > 1 else None)
        self._reporter.descent(settings, first, self._time_one())
        self._interruption.patient = True
        try:
            for finished in transfer(objective, self.image, settings, heard, first, memory):
                if keeper:  # before the archive: a round that counts has its memory on the disk
                    keeper.write(finished.index, memory.lbfgs)
                self._archive.append_round(finished, unfinished)
                self.evaluations += unfinished
                unfinished.clear()
                self.rounds.append(finished)
                self._check(finished)
                self.image = finished.image
                self._reporter.round(finished)
        except _Stopped:
            pass
        finally:
            self.evaluations += unfinished
            self._reporter.descent_ended()
            self._archive.finish()

    def _check(self, finished: Round) -> None:
        """Stop where more rounds are of no use; the image before `finished` is then the last good one."""
        if np.ptp(finished.image) == 0:
            raise RunError(
                f"After round {finished.index}, evaluation {finished.evaluations}, every pixel of the image is "
                f"{finished.image.flat[0]:g}, which is no sound; the image before it is kept. Other loss weights or "
                "another --seed may help."
            )
        if finished.warnflag != _ABNORMAL:
            return
        where = f"round {finished.index}, evaluation {finished.evaluations}"
        if finished.nit == 0:
            raise RunError(
                f"In {where}, L-BFGS found no lower loss in any direction it tried ({finished.message}); the image "
                "before it is kept. The descent has come as far as the network's arithmetic goes; --float64 goes on."
            )
        # The authors' code does not look at the flag and starts the next round (T16).
        self._reporter.warning(
            f"In {where}, the line search of L-BFGS ended early ({finished.message}); the next round starts afresh."
        )

    def _time_one(self) -> float:
        """Return the seconds of one evaluation; the very first one, which prepares filters, is apart."""
        self._objective(self.image)
        started = time.perf_counter()
        self._objective(self.image)
        return time.perf_counter() - started
