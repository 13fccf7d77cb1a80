"""One transfer from two files to a folder of results, in the order of the pipeline.

Everything a user can get wrong is checked before the network is built.  What happens is told to a
:class:`~audiostyle.run.descent.Reporter`, whether to stop is asked of an
:class:`~audiostyle.run.descent.Interruption`: a command line, a batch and a test each have their own.
"""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from audiostyle.audio.sound_writer import check_clip
from audiostyle.errors import InputError, RunError
from audiostyle.network.device import check_device, resolve_device
from audiostyle.prepare import Prepared, prepare_clip
from audiostyle.run.archive import ARCHIVE_NAME, Archive, archive_size
from audiostyle.run.archived import ArchivedRun
from audiostyle.run.descent import Descent, Interruption, Reporter
from audiostyle.run.estimate import estimate_memory
from audiostyle.run.folder import RunFolder
from audiostyle.run.manifest import Stopwatch, describe_run, write_manifest
from audiostyle.run.memory import MemoryFile, memory_size
from audiostyle.run.results import write_results
from audiostyle.run.sameness import changed_circumstances
from audiostyle.settings import Settings
from audiostyle.start_image import start_image
from audiostyle.weights.load import Weights, load_weights

__all__ = ["Outcome", "Request", "run_transfer"]

# What a run's folder needs beside the archive: pictures, sound, tables.
_RESULTS_SIZE = 20 * 2**20


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
        Whether a run in the folder may be replaced, or is to be gone on with.
    command_line : tuple of str
        Recorded in ``run.json``.
    start_from : str
        Folder of the run from whose last image this one starts, or nothing.
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


def build_objective(content: np.ndarray, style: np.ndarray, weights: Weights, settings: Settings) -> Any:
    """Return the :class:`~audiostyle.network.objective.Objective` of two network images."""
    from audiostyle.network.objective import Objective

    return Objective(content.astype(settings.float_type), style.astype(settings.float_type), weights.arrays, settings)


def run_transfer(
    request: Request,
    reporter: Reporter,
    interruption: Interruption,
    build: Callable[[np.ndarray, np.ndarray, Weights, Settings], Any] = build_objective,
) -> Outcome:
    """Carry out a request.

    Parameters
    ----------
    request : Request
    reporter : Reporter
    interruption : Interruption
    build : callable
        Makes the objective; several runs on the same clips may share one.

    Returns
    -------
    Outcome

    Raises
    ------
    InputError
        If the clips, weights, settings or the folder cannot be used.
    RunError
        If the run fails; the archive then holds all finished rounds, and the sound and pictures are
        those of the last good image.
    """
    settings, watch = request.settings, Stopwatch()
    device = resolve_device(settings.device)
    check_device(device)
    with watch.stage("clips"):
        content = prepare_clip(request.content, settings, settings.offset_content)
        style = prepare_clip(request.style, settings, settings.offset_style)
    check_clip(request.content, settings)
    with RunFolder(request.folder, overwrite=request.overwrite, resume=request.resume) as folder:
        with watch.stage("weights"):
            weights = load_weights(request.weights, settings)
        for note in weights.notes:
            reporter.warning(note)
        reporter.plan(_plan(request, content, weights, device))
        with watch.stage("start"):
            from audiostyle.network.start import start_theano

            backend = start_theano(settings.device, settings.threads)
            from audiostyle.network.convolution import choose_convolution

            convolution = choose_convolution(settings)
            description = describe_run(request, weights, backend, convolution.name)
            description["machine"]["kernels"] = convolution.description
            height, width = content.tensor.shape[2:]
            start = start_image(height, width, settings, _picture(request, content))
            old = _open_archive(folder, request, description, reporter) if request.resume else None
            if old is None:
                _require_space(folder, start, settings)
        reporter.stage("Building the network")
        with watch.stage("network"):
            objective = build(content.tensor, style.tensor, weights, settings)
        # Made only now: what the network refuses leaves no archive, and an old run as it was.
        archive, archived = old or (_make_archive(folder, description, start, objective.weights, settings), None)
        descent = Descent(objective, start, archive, archived, reporter, interruption, MemoryFile(folder))
        failure = buzz = None
        try:
            with watch.stage("descent"):
                descent.run(settings)
        except RunError as error:
            failure = error
        reporter.stage("Writing the sound and the pictures")
        # What made the descent fail is what the user has to hear of, not what follows from it.
        quiet = contextlib.suppress(RunError) if failure is not None else contextlib.nullcontext()
        with watch.stage("results"), quiet:
            buzz = write_results(
                folder, content, style, descent.image, objective, descent.evaluations, settings, request.content
            )
        # A signal that came when all rounds were done has interrupted nothing.
        signal = interruption.signal if len(descent.rounds) < settings.rounds else 0
        write_manifest(folder, description, descent.rounds, descent.evaluations, watch, signal, failure, buzz)
        if buzz is not None and buzz.sentence:
            reporter.warning(buzz.sentence)
        if failure is not None:
            raise failure
    return Outcome(
        folder=os.fspath(request.folder),
        rounds=len(descent.rounds),
        evaluations=len(descent.evaluations),
        total=descent.evaluations[-1].total if descent.evaluations else float("nan"),
        seconds=watch.total,
        signal=signal,
    )


def _picture(request: Request, content: Prepared) -> np.ndarray | None:
    """Return the image that the start is made of, or None for noise."""
    if request.start_from:
        image = Archive.read(os.path.join(request.start_from, ARCHIVE_NAME)).last_image
        if image.shape != content.tensor.shape:
            (height, width), (our_height, our_width) = image.shape[2:], content.tensor.shape[2:]
            raise InputError(
                f"The run in {request.start_from!r} ended with an image of {height} x {width} pixels, but this one has "
                f"{our_height} x {our_width}; give it that run's duration and representation."
            )
        return image
    return content.tensor if request.settings.start == "content" else None


def _open_archive(
    folder: RunFolder, request: Request, description: dict[str, Any], reporter: Reporter
) -> tuple[Archive, ArchivedRun]:
    settings = request.settings
    archive, archived = Archive.resume(
        folder, description, rounds=settings.rounds, max_evaluations=settings.max_evaluations
    )
    changes = changed_circumstances(archived, description)
    if changes:
        reporter.warning(f"The run goes on, but its last bits may differ: {', '.join(changes)}.")
    return archive, archived


def _require_space(folder: RunFolder, start: np.ndarray, settings: Settings) -> None:
    """Find out before the long part that the disk is too small for it."""
    from audiostyle.network.objective import loss_weights

    height, width = start.shape[2:]
    size = archive_size(height, width, settings.rounds, settings.max_evaluations, tuple(loss_weights(settings)))
    if settings.restart == "continue":
        size += memory_size(start.size)
    folder.require_space(size + _RESULTS_SIZE)


def _make_archive(
    folder: RunFolder, description: dict[str, Any], start: np.ndarray, parts: Iterable[str], settings: Settings
) -> Archive:
    return Archive.create(
        folder,
        description,
        start,
        rounds=settings.rounds,
        max_evaluations=settings.max_evaluations,
        parts=tuple(parts),
    )


def _plan(request: Request, content: Prepared, weights: Weights, device: str) -> list[str]:
    settings = request.settings
    height, width = content.tensor.shape[2:]
    losses = ["content", "style", *(["total variation"] if settings.tv_weight else [])]
    autocorrelations = ("row", settings.rowac, settings.row_target), ("column", settings.colac, settings.column_target)
    losses += [f"{axis} AC of the {target}" for axis, wanted, target in autocorrelations if wanted and target != "none"]
    memory = estimate_memory((height, width), settings) / 2**30
    return [
        f"content   {request.content}",
        f"style     {request.style}",
        f"image     {settings.representation}, {height} x {width} pixels, {settings.duration:g} s of each clip",
        f"weights   {weights.form}, {'normalised' if weights.normalised else 'NOT normalised'}, "
        f"SHA-256 {weights.sha256[:12]}...",
        f"losses    {', '.join(losses)}",
        f"descent   {settings.rounds} rounds of L-BFGS, {settings.max_evaluations} evaluations and a line search "
        f"each, seed {settings.seed}",
        f"device    {device}, about {memory:.1f} GiB of memory",
        f"results   {request.folder}",
    ]
