"""One transfer from two files to a folder of results, in the order of the pipeline.

Everything a user can get wrong is checked before the network is built.  What happens is told to a
:class:`~audiostyle.run.request.Reporter`, whether to stop is asked of an
:class:`~audiostyle.run.request.Interruption`: a command line, a batch and a test each have their own.
"""

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from audiostyle.api import make_objective
from audiostyle.audio.sound_writer import check_clip
from audiostyle.errors import InputError, RunError
from audiostyle.files import shown
from audiostyle.network.gpu.device import check_device, resolve_device
from audiostyle.network.terms import loss_terms
from audiostyle.network.tiles import check_tiling, needs_tiles
from audiostyle.optimise import start_image, state_size
from audiostyle.pipeline import Analysis, analyse
from audiostyle.run.archive import ARCHIVE_NAME, Archive, largest_size
from audiostyle.run.archived_run import ArchivedRun
from audiostyle.run.descent import Descent
from audiostyle.run.description import describe_run
from audiostyle.run.estimate import columns_that_fit, estimate_memory, free_memory
from audiostyle.run.figure import caption_of
from audiostyle.run.folder import RunFolder
from audiostyle.run.index_page import write_index
from audiostyle.run.manifest import Stopwatch, write_manifest
from audiostyle.run.outputs import write_outputs
from audiostyle.run.request import Interruption, Outcome, Reporter, Request
from audiostyle.run.resume_check import changed_circumstances, check_same
from audiostyle.settings import Settings, preset_of
from audiostyle.weights.load import Weights, load_weights

__all__ = ["run_transfer"]

# What a run's folder needs beside the archive, pictures, sound, tables; and the largest of the pictures.
_RESULTS_SIZE, _PICTURE_SIZE = 20 * 2**20, 2 * 2**20
# Of a second of sound: two channels of four bytes at 96 kHz.
_SOUND_BYTES = 8 * 96000


def run_transfer(
    request: Request,
    reporter: Reporter,
    interruption: Interruption,
    build: Callable[[np.ndarray, np.ndarray, Weights, Settings], Any] = make_objective,
    load: Callable[[str, int], Weights] | None = None,
) -> Outcome:
    """Carry out a request.

    Parameters
    ----------
    request : Request
    reporter : Reporter
    interruption : Interruption
    build : callable
        Makes the objective; several runs on the same clips may share one.
    load : callable, optional
        Loads the weights for a number of threads; several runs may share them.

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
    if settings.rounds < 1:
        raise InputError(
            f"No round would be run: iterations is {settings.iterations}, and one less is run, as in the authors' code "
            "(D5); give at least 2, or --set round_count=as_asked."
        )
    if not loss_terms(settings):
        raise InputError("Every loss weight is 0, so there is nothing to minimise; give one of them a value.")
    if settings.tile_columns:
        check_tiling(settings)
    device = resolve_device(settings.device)
    check_device(device)
    with watch.stage("clips"):
        content = analyse(request.content, settings, settings.offset_content)
        style = analyse(request.style, settings.of_style, settings.offset_style)
    check_clip(request.content, settings)
    settings = _with_tiles(request, content)
    earlier = _earlier_image(request, content)
    with RunFolder(request.folder, overwrite=request.overwrite, resume=request.resume) as folder:
        with watch.stage("weights"):
            weights = (load or load_weights)(request.weights, settings.threads)
        for note in weights.notes:
            reporter.warning(note)
        reporter.plan(_plan(request, settings, content, weights, device))
        with watch.stage("start"):
            from audiostyle.network.start import start_theano

            backend = start_theano(settings.device, settings.threads)
            from audiostyle.network.convolution import choose_convolution
            from audiostyle.network.theano_cache import is_cold

            convolution = choose_convolution(settings)
            description = describe_run(request, weights, backend, convolution.name)
            description["machine"] |= {"kernels": convolution.description, "tile_columns": settings.tile_columns}
            height, width = content.tensor.shape[2:]
            start = start_image(height, width, settings, content.tensor, earlier)
            # Before the network is built, which takes long.
            if request.resume:
                check_same(Archive.read(folder.file(ARCHIVE_NAME)), description)
            else:
                _require_space(folder, start, settings)
        once = ", whose functions are compiled this once and then kept" if is_cold(backend.compile_cache) else ""
        reporter.stage(f"Building the network{once}")
        with watch.stage("network"):
            objective = build(content.tensor, style.tensor, weights, settings)
        # Only now: what the network refuses leaves no archive, and an old run as it was.
        archive, archived = _open_archive(folder, request, description, start, reporter)
        descent = Descent(objective, archive, archived, reporter, interruption)
        failure = buzz = None
        warning = ""
        try:
            with watch.stage("descent"):
                descent.run(settings)
        except RunError as error:
            failure = error
        # A signal that came when all rounds were done has interrupted nothing.
        signal = interruption.signal if len(descent.rounds) < settings.rounds else 0
        if signal and not interruption.results:
            return _outcome(request, descent, watch, signal)
        interruption.promise = "The results are being written, and then the run ends"
        try:
            with watch.stage("results"):
                clips = description["inputs"]
                names = clips["content"]["name"], clips["style"]["name"]
                buzz = write_outputs(
                    folder,
                    content,
                    style,
                    descent.image,
                    objective,
                    descent.evaluations,
                    settings,
                    request.content,
                    caption_of(*names, settings),
                    reporter.stage,
                    request.pictures,
                )
                warning = buzz.sentence if buzz is not None else ""
                if request.pictures:
                    write_index(folder, names, (content, style), settings, _facts(descent, weights, settings), warning)
        except RunError as error:
            # What made the descent fail is what the user has to hear of, not what follows from it.
            failure = failure or error
        write_manifest(folder, description, descent.rounds, descent.evaluations, watch, signal, failure, buzz)
        if warning:
            reporter.warning(warning)
        if failure is not None:
            raise failure
    return _outcome(request, descent, watch, signal)


def _outcome(request: Request, descent: Descent, watch: Stopwatch, signal: int) -> Outcome:
    return Outcome(
        folder=os.fspath(request.folder),
        rounds=len(descent.rounds),
        evaluations=len(descent.evaluations),
        total=descent.evaluations[-1].total if descent.evaluations else float("nan"),
        seconds=watch.total,
        signal=signal,
    )


def _earlier_image(request: Request, content: Analysis) -> np.ndarray | None:
    """Return the image that an earlier run ended with, if the request starts from one."""
    if not request.start_from:
        return None
    image = Archive.read(os.path.join(request.start_from, ARCHIVE_NAME)).last_image
    if image.shape != content.tensor.shape:
        (height, width), (our_height, our_width) = image.shape[2:], content.tensor.shape[2:]
        raise InputError(
            f"The run in {shown(request.start_from)} ended with an image of {height} x {width} pixels, but this one "
            f"has {our_height} x {our_width}; give it that run's duration and representation."
        )
    return image


def _open_archive(
    folder: RunFolder, request: Request, description: dict[str, Any], start: np.ndarray, reporter: Reporter
) -> tuple[Archive, ArchivedRun]:
    """Make the archive, or open that of the run to be resumed, and return it with what it holds."""
    if not request.resume:
        archive = Archive.create(folder, description, start, request.keep)
        return archive, archive.read(folder.file(ARCHIVE_NAME))
    archive, archived = Archive.resume(folder, description, request.keep)
    if changes := changed_circumstances(archived, description):
        reporter.warning(f"The run goes on, but its last bits may differ: {', '.join(changes)}.")
    return archive, archived


def _require_space(folder: RunFolder, start: np.ndarray, settings: Settings) -> None:
    """Find out before the long part that the disk is too small for it."""
    size = _archive_size(start, settings)
    folder.require_space(_disk_space(start, settings), max(size, _PICTURE_SIZE))


def _archive_size(image: np.ndarray, settings: Settings) -> int:
    terms = len(loss_terms(settings))
    return largest_size(image, settings.rounds, settings.max_evaluations, terms, state_size(image, settings))


def _disk_space(image: np.ndarray, settings: Settings) -> int:
    """Return the bytes that a run of such an image needs on the disk, at most."""
    image = image.astype(settings.float_type, copy=False)
    # Twice, for at the end the rounds are copied out of their own files into the archive.
    return 2 * _archive_size(image, settings) + _RESULTS_SIZE + round(settings.duration * _SOUND_BYTES)


def _facts(descent: Descent, weights: Weights, settings: Settings) -> dict[str, str]:
    """Return what the page of a run tells beside sounds and pictures."""
    losses = [f"{one.total:.6g}" for one in (*descent.evaluations[:1], *descent.evaluations[-1:])]
    return {
        "preset": preset_of(settings) or "none; run.json has the settings",
        "image": f"{settings.representation}, {_lengths(settings)}",
        "losses": ", ".join(term.name for term in loss_terms(settings)),
        "descent": f"{len(descent.rounds)} of {settings.rounds} rounds, {len(descent.evaluations)} evaluations, seed "
        f"{settings.seed}",
        "loss": " at first, ".join(losses) + " at the end" if losses else "not evaluated",
        "weights": f"{weights.form}, SHA-256 {weights.sha256[:12]}",
    }


def _with_tiles(request: Request, content: Analysis) -> Settings:
    """Return the settings with the tiles that the memory asks for, or that the run had which is resumed."""
    settings = request.settings
    if request.resume and not settings.tile_columns:
        machine = Archive.read(os.path.join(request.folder, ARCHIVE_NAME)).description["machine"]
        columns = machine.get("tile_columns", 0)
    else:
        height, width = content.tensor.shape[2:]
        columns = columns_that_fit((height, width), settings, free_memory())
    return dataclasses.replace(settings, tile_columns=columns)


def _lengths(settings: Settings) -> str:
    of_style = settings.of_style.duration
    if of_style == settings.duration:
        return f"{settings.duration:g} s of each clip"
    return f"{settings.duration:g} s of the content, {of_style:g} s of the style"


def _plan(request: Request, settings: Settings, content: Analysis, weights: Weights, device: str) -> list[str]:
    height, width = content.tensor.shape[2:]
    losses = ["content", "style", *(["total variation"] if settings.tv_weight else [])]
    autocorrelations = ("row", settings.rowac, settings.row_target), ("column", settings.colac, settings.column_target)
    losses += [f"{axis} AC of the {target}" for axis, wanted, target in autocorrelations if wanted and target != "none"]
    memory = estimate_memory((height, width), settings) / 2**30
    tiles = ""
    if needs_tiles(content.tensor.shape[settings.time_axis], settings):
        why = "" if request.settings.tile_columns else ", since the whole would need more than is free"
        tiles = f"; the network sees {settings.tile_columns} columns at a time{why}"
    return [
        f"content   {request.content}",
        f"style     {request.style}",
        f"image     {settings.representation}, {height} x {width} pixels, {_lengths(settings)}",
        f"weights   {weights.form}, {'normalised' if weights.normalised else 'NOT normalised'}, "
        f"SHA-256 {weights.sha256[:12]}...",
        f"losses    {', '.join(losses)}",
        f"descent   {settings.rounds} round{'s' * (settings.rounds != 1)} of L-BFGS, {settings.max_evaluations} "
        f"evaluations and a line search each, seed {settings.seed}",
        f"device    {device}, about {memory:.1f} GiB of memory{tiles}",
        f"results   {request.folder}, at most {_disk_space(content.tensor, settings) / 2**30:.1f} GiB",
    ]
