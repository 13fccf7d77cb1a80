"""The rounds of one run: told to a reporter, kept in the archive, stopped when the user wants it."""

import dataclasses
import time

import numpy as np

from audiostyle.errors import RunError
from audiostyle.optimise import Evaluation, ObjectiveFunction, Round, descend
from audiostyle.run.archive import Archive
from audiostyle.run.archived_run import ArchivedRun
from audiostyle.run.request import Interruption, Reporter
from audiostyle.settings import Settings

__all__ = ["Descent"]


# scipy's warnflag for a line search that failed, as float32's noise can make it.
_ABNORMAL = 2


class _Stopped(Exception):
    """Raised inside an evaluation to leave the optimiser."""


class Descent:
    """Rounds of L-BFGS over an objective, from the start image or from where an archive ends.

    Parameters
    ----------
    objective : callable
        As :func:`audiostyle.optimise.descend` takes it.
    archive : Archive
        Gets every finished round.
    archived : ArchivedRun
        What the archive holds already, at least where round 1 starts.
    reporter : Reporter
    interruption : Interruption

    Attributes
    ----------
    rounds : list of Round
        Finished ones, without their images, which the archive has.
    evaluations : list of Evaluation
        All, those of an unfinished round too.
    image : np.ndarray ``(1, 3, height, width)``
        That of the last finished round; before there is one, the last point evaluated.
    """

    def __init__(
        self,
        objective: ObjectiveFunction,
        archive: Archive,
        archived: ArchivedRun,
        reporter: Reporter,
        interruption: Interruption,
    ) -> None:
        self._objective, self._archive = objective, archive
        self._reporter, self._interruption = reporter, interruption
        self.evaluations: list[Evaluation] = list(archived.evaluations)
        self.rounds = [_without_arrays(one) for one in archived.rounds]
        self.image = archived.last_image
        self._state = archived.rounds[-1].state if archived.rounds else {}

    def run(self, settings: Settings) -> None:
        """Descend until all rounds are done or the user interrupts.

        Raises
        ------
        RunError
            If a number goes wrong or a round cannot be kept; `image` is then the last good one.
        """
        unfinished: list[Evaluation] = []

        def heard(evaluation: Evaluation) -> None:
            unfinished.append(dataclasses.replace(evaluation, image=None))
            if not self.rounds and evaluation.image is not None:
                self.image = evaluation.image
            self._reporter.evaluation(evaluation)
            if self._interruption.signal:
                raise _Stopped

        first = len(self.rounds) + 1
        if first > settings.rounds:
            return
        self._reporter.descent(settings, first, self._time_one())
        self._interruption.patient = True
        try:
            for finished in descend(self._objective, self.image, settings, heard, first, self._state):
                self._archive.append_round(finished, unfinished)
                self.evaluations += unfinished
                unfinished.clear()
                self.rounds.append(_without_arrays(finished))
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
                "before it is kept. The network's arithmetic allows no smaller step; --float64 does."
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


def _without_arrays(finished: Round) -> Round:
    return dataclasses.replace(finished, image=np.empty(0), state={})
