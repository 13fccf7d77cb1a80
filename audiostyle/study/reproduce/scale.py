"""The numbers of a reproduction: every experiment's sound, and the sounds that make their scale."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from audiostyle.pipeline import Analysis, through_the_image
from audiostyle.run.folder import RunFolder
from audiostyle.settings import Settings
from audiostyle.study.evaluate.measured_files import Measurements, evaluate_files

__all__ = ["SCALE", "measure_sounds", "write_scale"]

#: The sounds beside the experiments': file name to what it is.
SCALE = {
    "content.wav": "content",
    "style.wav": "style",
    "content_inverted_spectrogram.wav": "content inverted, spectrogram",
    "content_inverted_mel.wav": "content inverted, mel",
}


def write_scale(
    folder: RunFolder,
    content: Analysis,
    style: Analysis,
    settings: Mapping[str, Settings],
    progress: Callable[[str], None],
) -> list[str]:
    """Write the clips' stretch that is used, and the content after image and inversion with no transfer.

    Parameters
    ----------
    folder : RunFolder
        Of the whole reproduction.
    content, style : Analysis
    settings : mapping of str to Settings
        Of the experiments there are, by name: there is an inverted content for 3a, and one for the
        others.
    progress : callable
        Called with a few words before each long part.

    Returns
    -------
    list of str
        Names of the files.

    Raises
    ------
    RunError
        If a file cannot be written.
    """
    ways = {}
    for name, one in settings.items():
        ways["content_inverted_spectrogram.wav" if name == "3a" else "content_inverted_mel.wav"] = one
    sounds = {"content.wav": content.samples, "style.wav": style.samples}
    for name in SCALE:
        if name in ways:
            progress(f"Inverting the content ({name})")
            sounds[name] = through_the_image(content.bandpassed, ways[name])
    rate = next(iter(settings.values())).sample_rate
    for name, samples in sounds.items():
        _write(folder, name, samples, rate)
    return list(sounds)


def measure_sounds(
    content: str,
    style: str,
    folder: str,
    scale: Sequence[str],
    experiments: Mapping[str, str],
    settings: Settings,
    progress: Callable[[str], None],
) -> Measurements:
    """Measure the experiments' outputs and the scale; rows are named as in :data:`SCALE`, or ``3a`` to ``3d``.

    Parameters
    ----------
    content, style : str
        The clips.
    folder : str
        Of the whole reproduction.
    scale : sequence of str
        From :func:`write_scale`.
    experiments : mapping of str to str
        Name to its sound, relative to the folder.
    settings : Settings
        ``duration`` and offsets.
    progress : callable
        Called with the name of each sound.
    """
    inverted = [name for name in scale if name.startswith("content_inverted")]
    outputs = {name: SCALE[name] for name in inverted} | {path: name for name, path in experiments.items()}
    paths = [os.path.join(folder, path) for path in outputs]
    found = evaluate_files(content, style, paths, settings, inversion=False, progress=progress)
    rows = list(found.rows[:2])
    for (path, name), row in zip(outputs.items(), found.rows[2:], strict=True):
        role = "content_inverted" if path in inverted else row.role
        rows.append(dataclasses.replace(row, name=name, role=role, path=path))
    return Measurements(found.analysis, tuple(rows))


def _write(folder: RunFolder, name: str, samples: np.ndarray, rate: int) -> None:
    """Write samples as they are, full scale at 1: neither stretched to the peak nor wrapped (T13)."""
    from scipy.io import wavfile

    whole = np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)
    with folder.atomic_path(name) as part:
        wavfile.write(part, rate, whole)
