"""Sound of any round of an archived run, with the same way back or another, and without a new descent."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from audiostyle.audio.sound_writer import check_clip, sound_name, write_sound
from audiostyle.audio.stuck_rows import Buzz, find_buzz
from audiostyle.errors import InputError
from audiostyle.files import AnyPath, check_output, replacing, sha256_of_file, shown
from audiostyle.pipeline import analyse, synthesise
from audiostyle.run.archive import ARCHIVE_NAME, Archive
from audiostyle.run.archived_run import ArchivedRun
from audiostyle.settings import Settings

__all__ = ["WAY_BACK", "render", "rendered_name", "rendering_settings"]

#: Settings that count after the descent only, so that another value makes another sound of the same image.
WAY_BACK = (
    "output_channel",
    "denormalise_range",
    "row_levels",
    "inversion",
    "inversion_iterations",
    "inversion_phase",
    "inversion_mirror",
    "inversion_reversal",
    "inversion_alignment",
    "inversion_frame",
    "inversion_floor",
    "int16_peak",
    "output_level",
    "output_channels",
    "output_rate",
    "output_format",
)


def rendering_settings(archived: ArchivedRun, change: Callable[[Settings], Settings]) -> Settings:
    """Return a run's settings with another way back.

    Parameters
    ----------
    archived : ArchivedRun
    change : callable
        Returns its argument with changes.

    Raises
    ------
    InputError
        If it changes what the image was made with.
    """
    was = Settings.from_record(archived.settings)
    now = change(was)
    names = [field.name for field in dataclasses.fields(Settings)]
    if others := [name for name in names if name not in WAY_BACK and getattr(was, name) != getattr(now, name)]:
        raise InputError(
            f"{', '.join(others)} cannot be changed any more, for the image was made with "
            f"{', '.join(str(getattr(was, name)) for name in others)}; a rendering may change {', '.join(WAY_BACK)}."
        )
    return now


def rendered_name(archived: ArchivedRun, number: int, settings: Settings) -> Path:
    """Return where a round's sound goes by default: ``round_5.wav`` in the run's folder."""
    return archived.path.parent / f"round_{number}{os.path.splitext(sound_name(settings))[1]}"


def render(
    folder: AnyPath,
    output: AnyPath | None = None,
    number: int | None = None,
    change: Callable[[Settings], Settings] = lambda settings: settings,
    clips: tuple[str | None, str | None] = (None, None),
    tell: Callable[[str], None] = lambda text: None,
) -> tuple[Path, Buzz | None]:
    """Make sound of one round of an archived run.

    Parameters
    ----------
    folder : path
        Of the run.
    output : path, optional
        The sound file; by default :func:`rendered_name`.
    number : int, optional
        The round, from 1, or 0 for the start image; by default the last.
    change : callable
        Returns the run's settings with another way back (:data:`WAY_BACK`).
    clips : tuple of str or None
        Where content and style are now, if not where they were.
    tell : callable
        Called with a few words before each part.

    Returns
    -------
    tuple of pathlib.Path and Buzz or None
        The file that was written, and what is wrong with its sound (:func:`~audiostyle.audio.stuck_rows.find_buzz`).

    Raises
    ------
    InputError
        If the folder holds no run, the run no such round, or the clips are not there or others.
    RunError
        If the sound is silent or not finite, or cannot be written.
    """
    archived = Archive.read(os.path.join(os.fsdecode(folder), ARCHIVE_NAME))
    settings = rendering_settings(archived, change)
    last = len(archived.rounds)
    number = last if number is None else number
    if not 0 <= number <= last:
        raise InputError(
            f"The run in {shown(archived.path.parent)} has no round {number}; give one from 0, the start image, to "
            f"{last}."
        )
    if number and number - 1 not in archived.rounds.with_images:
        raise InputError(
            f"Of the run in {shown(archived.path.parent)} only the last rounds' images were kept, not that of round "
            f"{number}; give one from {archived.rounds.with_images[0] + 1} to {last}, or 0, the start image."
        )
    content, style = (_clip(archived, role, given) for role, given in zip(("content", "style"), clips, strict=True))
    target = rendered_name(archived, number, settings) if output is None else Path(os.fsdecode(output))
    check_output(target, "The sound", [content, style, archived.path])
    check_clip(content, settings)
    image = archived.rounds[number - 1].image if number else archived.start_image
    tell("Analysing the clips")
    analysis = analyse(content, settings, settings.offset_content)
    its_style = analyse(style, settings.of_style, settings.offset_style)
    tell(f"Making {settings.duration:g} s of sound by {settings.inversion_iterations} estimates of its phase")
    samples = synthesise(np.asarray(image), analysis, its_style, settings).samples
    with replacing(target, "The sound") as part:
        write_sound(part, samples, content, settings, analysis.level(settings))
    return target, find_buzz(samples, settings.sample_rate)


def _clip(archived: ArchivedRun, role: str, given: str | None) -> str:
    """Return where a clip of the run is, after a look whether it is still the same."""
    recorded = archived.description["inputs"][role]
    path = recorded["path"] if given is None else given
    if not os.path.lexists(path):
        raise InputError(
            f"The {role} clip {shown(path)} is not there any more; say where it is now with --{role} FILE."
        )
    if sha256_of_file(path) != recorded["sha256"]:
        raise InputError(
            f"{shown(path)} is not the {role} that the run in {shown(archived.path.parent)} was made of; say where "
            f"that is with --{role} FILE."
        )
    return path
