"""The door of the package: what is asked of a run, who hears of it and may stop it, and how it ended."""

import dataclasses
from typing import TYPE_CHECKING

from audiostyle.settings import Settings

if TYPE_CHECKING:
    from audiostyle.optimise import Evaluation, Round

__all__ = ["Interruption", "Outcome", "Reporter", "Request"]


@dataclasses.dataclass(frozen=True)
class Request:
    """What a user asked for.

    Attributes
    ----------
    content, style : path
    weights : str
        A file, or ``random``.
    folder : path
        Where the results go.
    settings : Settings
    overwrite, resume : bool
        Whether a run in the folder may be replaced, or is to be resumed.
    command_line : tuple of str
        Recorded in ``run.json``.
    start_from : path
        Folder of the run from whose last image this one starts, or nothing.
    keep : {'all', 'last'}
        Whose images the finished archive holds: every round's, or that of the last one, from which the run can be
        resumed all the same.
    pictures : bool
        Whether to draw losses, images and autocorrelations, and to make a page of them.
    """

    content: str
    style: str
    weights: str
    folder: str
    settings: Settings
    overwrite: bool = False
    resume: bool = False
    command_line: tuple[str, ...] = ()
    start_from: str = ""
    keep: str = "all"
    pictures: bool = True


class Reporter:
    """Hears what a run does, and ignores it; subclasses show it."""

    def plan(self, lines: list[str]) -> None:
        """Hear what will be done, before the long part."""

    def stage(self, text: str) -> None:
        """Hear that a stage begins."""

    def descent(self, settings: Settings, first_round: int, seconds_per_evaluation: float) -> None:
        """Hear that rounds `first_round` to ``settings.rounds`` begin, and how long an evaluation takes."""

    def evaluation(self, evaluation: "Evaluation") -> None:
        """Hear of every evaluation."""

    def round(self, finished: "Round") -> None:
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
    results : bool
        Whether a run that is stopped still writes its results, which takes a few seconds; resuming it writes them.
    promise : str
        How it does that, to begin a sentence.
    """

    signal: int = 0
    patient: bool = False
    results: bool = True
    promise: str = "The run stops after this evaluation and writes its results"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes
    ----------
    folder : str
    rounds : int
        Finished rounds, those before a resume included.
    evaluations : int
    total : float
        Last loss, NaN if there was no evaluation.
    seconds : float
        Of this run alone.
    signal : int
        Number of the signal that ended the descent early, or 0.
    """

    folder: str
    rounds: int
    evaluations: int
    total: float
    seconds: float
    signal: int
