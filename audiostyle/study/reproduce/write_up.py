"""From finished experiments to what a reproduction leaves beside them: sounds, figures, numbers, the page."""

import os
from collections.abc import Callable, Sequence

from audiostyle.audio.sound_writer import sound_name
from audiostyle.files import read_bytes
from audiostyle.pipeline import Analysis, analyse, read_back
from audiostyle.run.archive import ARCHIVE_NAME, Archive
from audiostyle.run.archived_run import ArchivedRun
from audiostyle.run.folder import RUN_FILES, RunFolder
from audiostyle.run.manifest import read_manifest
from audiostyle.settings import Settings
from audiostyle.study.reproduce.claims import claims_document
from audiostyle.study.reproduce.document import as_document, as_json
from audiostyle.study.reproduce.experiments import Plan
from audiostyle.study.reproduce.figures import Result, draw_figures
from audiostyle.study.reproduce.page import render_report
from audiostyle.study.reproduce.scale import measure_sounds, write_scale

__all__ = ["prepare_folder", "write_reproduction", "write_stage_file"]


def prepare_folder(path: str) -> None:
    """Find out before the work that the folder can be made and written to.

    Raises
    ------
    InputError
        If it cannot, or if it holds a run itself.
    """
    with RunFolder(path):
        pass


def write_stage_file(plan: Plan, name: str) -> None:
    """Write an experiment's ``stages.h5``, unless it is there: every intermediate of its two clips.

    Raises
    ------
    InputError, RunError
        As :func:`audiostyle.study.stage_recording.write_stages` does.
    """
    from audiostyle.study.stage_recording import Point, choose_image, write_stages
    from audiostyle.weights.load import load_weights

    request = plan.request(name)
    path = os.path.join(request.folder, "stages.h5")
    if os.path.exists(path):
        return
    image, origin = choose_image(None, None, request.settings, plan.content)
    point = Point(load_weights(plan.weights, request.settings.threads), image, origin)
    write_stages(path, plan.content, plan.style, request.settings, point)


def write_reproduction(plan: Plan, names: Sequence[str], progress: Callable[[str], None]) -> str:
    """Write figures, sounds, ``results.json``, ``claims.json`` and ``report.html`` of the finished experiments.

    Parameters
    ----------
    plan : Plan
    names : sequence of str
        The finished experiments.
    progress : callable
        Called with a few words before each long part.

    Returns
    -------
    str
        Path of the page.

    Raises
    ------
    InputError
        If a file of an experiment cannot be read.
    RunError
        If a file cannot be written.
    """
    requests = {name: plan.request(name) for name in names}
    runs = {name: Archive.read(os.path.join(one.folder, ARCHIVE_NAME)) for name, one in requests.items()}
    settings = {name: one.settings for name, one in requests.items()}
    # Its settings are the run's own: what they say of the form, the run has written.
    sounds = {name: f"{name}/{sound_name(one)}" for name, one in settings.items()}
    content = analyse(plan.content, plan.settings, plan.settings.offset_content)
    style = analyse(plan.style, plan.settings.of_style, plan.settings.offset_style)
    with RunFolder(plan.folder) as folder:
        progress("Drawing the figures")
        results = {name: _result(plan, run, settings[name], (content, style)) for name, run in runs.items()}
        files = draw_figures(content, style, results)
        for name, data in files.items():
            folder.write_bytes(name, data)
        scale = write_scale(folder, content, style, settings, progress)
        evaluation = measure_sounds(
            plan.content,
            plan.style,
            plan.folder,
            scale,
            sounds,
            plan.settings,
            lambda name: progress(f"Measuring {name}"),
        )
        for name in scale:
            files[name] = read_bytes(os.path.join(plan.folder, name))
        for name, request in requests.items():
            for file in RUN_FILES:
                path = os.path.join(request.folder, file)
                if file.endswith(".png") and os.path.exists(path):
                    files[f"{name}/{file}"] = read_bytes(path)
            files[sounds[name]] = read_bytes(os.path.join(plan.folder, sounds[name]))
        manifests = {name: read_manifest(request.folder) for name, request in requests.items()}
        document = as_document(runs, manifests, {name: files[sounds[name]] for name in names}, evaluation)
        claims = claims_document({"results.json": document})
        folder.write_bytes("results.json", as_json(document).encode("ascii"))
        folder.write_bytes("claims.json", as_json(claims).encode("ascii"))
        progress("Writing the page")
        folder.write_bytes("report.html", render_report(document, evaluation, files, claims).encode("utf-8"))
    return os.path.join(plan.folder, "report.html")


def _result(plan: Plan, run: ArchivedRun, settings: Settings, clips: tuple[Analysis, Analysis]) -> Result:
    """Turn a run's last image into values and spectrogram, as the run did before it made the sound."""
    if settings.representation != plan.settings.representation:
        content = analyse(plan.content, settings, settings.offset_content)
        style = analyse(plan.style, settings.of_style, settings.offset_style)
    else:
        content, style = clips
    return Result(settings, *read_back(run.last_image, content, style, settings))
