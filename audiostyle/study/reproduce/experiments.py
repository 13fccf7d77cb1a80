"""The paper's four experiments (section 4): what differs between them, and running one, or going on with it, or not.

Each has a folder of its own, which is that of an ordinary run; what is finished there is not run again.
"""

import dataclasses
import os
from collections.abc import Callable
from typing import Any

from audiostyle.api import make_objective
from audiostyle.run.archived_run import ArchivedRun
from audiostyle.run.finished import find_finished, going_on
from audiostyle.run.job import run_transfer
from audiostyle.run.request import Interruption, Outcome, Reporter, Request
from audiostyle.settings import Settings

__all__ = ["EXPERIMENTS", "Experiment", "Plan", "finished_run", "run_experiment"]


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One panel of the paper's Figure 3.

    Attributes
    ----------
    name : str
        ``3a`` to ``3d``: the panel, and the folder.
    title : str
        What a table or a headline calls it.
    spectrogram : bool
        Whether the image is the spectrogram itself; else it is what the preset makes of it.
    rowac, colac : bool
        The autocorrelation losses.
    """

    name: str
    title: str
    spectrogram: bool = False
    rowac: bool = False
    colac: bool = False

    def settings(self, base: Settings) -> Settings:
        """Return `base` with what makes this experiment: 25 rounds are asked for in 3a, 40 in the others (4.1)."""
        representation = "spectrogram" if self.spectrogram else base.representation
        return dataclasses.replace(base, representation=representation, rowac=self.rowac, colac=self.colac)


#: In the paper's order.
EXPERIMENTS = {
    one.name: one
    for one in (
        Experiment("3a", "spectrogram", spectrogram=True),
        Experiment("3b", "mel"),
        Experiment("3c", "mel, row autocorrelation", rowac=True),
        Experiment("3d", "mel, row and column autocorrelation", rowac=True, colac=True),
    )
}


@dataclasses.dataclass(frozen=True)
class Plan:
    """What all experiments have in common.

    Attributes
    ----------
    content, style : str
        The clips.
    weights : str
        A file, or ``random``.
    folder : str
        Where each experiment gets its folder.
    settings : Settings
        Of experiment 3b; the others are derived from it.
    command_line : tuple of str
        Recorded in each ``run.json``.
    """

    content: str
    style: str
    weights: str
    folder: str
    settings: Settings
    command_line: tuple[str, ...] = ()

    def request(self, name: str) -> Request:
        """Return the transfer that an experiment is."""
        folder = os.path.join(self.folder, name)
        settings = EXPERIMENTS[name].settings(self.settings)
        return going_on(
            Request(self.content, self.style, self.weights, folder, settings, command_line=self.command_line)
        )


def finished_run(plan: Plan, name: str) -> ArchivedRun | None:
    """Return the archive of a finished experiment, as :func:`~audiostyle.run.finished.find_finished` does."""
    return find_finished(plan.request(name))


def run_experiment(
    plan: Plan,
    name: str,
    reporter: Reporter,
    interruption: Interruption,
    build: Callable[..., Any] = make_objective,
) -> Outcome:
    """Run an experiment, or go on with it after its last finished round.

    Parameters
    ----------
    plan : Plan
    name : str
        One of :data:`EXPERIMENTS`.
    reporter, interruption
        As :func:`audiostyle.run.job.run_transfer` takes them.
    build : callable
        Makes the objective.
    """
    return run_transfer(plan.request(name), reporter, interruption, build)
