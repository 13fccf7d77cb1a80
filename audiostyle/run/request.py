"""The door of the package: what is asked of a run, and how it ended."""

import dataclasses

from audiostyle.settings import Settings

__all__ = ["Outcome", "Request"]


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
    """

    content: str
    style: str
    weights: str
    folder: str
    settings: Settings
    overwrite: bool = False
    resume: bool = False
    command_line: tuple[str, ...] = ()


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
