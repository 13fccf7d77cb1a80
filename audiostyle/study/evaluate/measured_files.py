"""Files to scores: content, style, any number of outputs, and the scale they are read on."""

import dataclasses
import math
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np

from audiostyle.audio.decoding import header_of
from audiostyle.errors import InputError
from audiostyle.files import sha256_of_file
from audiostyle.isolation import isolated
from audiostyle.pipeline import through_the_image
from audiostyle.settings import Settings
from audiostyle.settings.fields import TIMES
from audiostyle.study.evaluate.all_metrics import evaluate_by_module
from audiostyle.study.evaluate.outside import Measures
from audiostyle.study.evaluate.sounds import MINIMUM_SECONDS, Sound, measure
from audiostyle.weights.load import Weights

__all__ = ["LOSSES", "OUTSIDE", "Measurements", "Row", "evaluate_files", "labels", "load_output"]

#: Headings of what is measured on request only.
LOSSES, OUTSIDE = "the paper's losses, with their weights", "measured elsewhere"

Scores = OrderedDict[str, OrderedDict[str, float]]


@dataclasses.dataclass(frozen=True)
class Row:
    """One sound and its scores.

    Attributes
    ----------
    name : str
        What tables call it.
    role : str
        ``output``; or, for the scale, ``content``, ``style`` or ``content_inverted``.
    path : str or None
        The file, as it was given.
    seconds : float
        How much of it was compared.
    note : str
        What was cut or converted before that; empty if nothing was.
    scores : OrderedDict
        Heading to (metric to value).
    """

    name: str
    role: str
    path: str | None
    seconds: float
    note: str
    scores: Scores

    def metrics(self) -> "OrderedDict[str, float]":
        """Return all metrics without their headings."""
        return OrderedDict(item for part in self.scores.values() for item in part.items())


@dataclasses.dataclass(frozen=True)
class Measurements:
    """Everything that one call of ``audiostyle evaluate`` found.

    Attributes
    ----------
    analysis : Settings
        How all sounds were analysed.
    rows : tuple of Row
        The scale first, then the outputs in the order given.
    losses : tuple of Settings and Weights, or None
        What the paper's losses were computed with, if they were.
    """

    analysis: Settings
    rows: tuple[Row, ...]
    losses: tuple[Settings, Weights] | None = None

    @property
    def scale(self) -> tuple[Row, ...]:
        """The rows that the others are read by."""
        return tuple(row for row in self.rows if row.role != "output")


def evaluate_files(
    content: str,
    style: str,
    outputs: Sequence[str],
    settings: Settings,
    *,
    inversion: bool = True,
    weights: Weights | None = None,
    outside: Measures | None = None,
    progress: Callable[[str], None] | None = None,
) -> Measurements:
    """Measure outputs against content and style, and those against themselves for a scale.

    Content and style are cut and band-passed as the transfer does it.  Outputs are not: they come
    from band-passed sound already.  All are analysed as the released code analyses, whatever made
    the outputs, so that all numbers are comparable.

    Parameters
    ----------
    content, style : str
        The two clips.
    outputs : sequence of str
        Results of any port, of any sample rate; longer ones than ``settings.duration`` are cut, with
        shorter ones content and style are.  Where the style has a duration of its own, the metrics
        compare as much as the shortest has; the paper's losses are of the whole.
    settings : Settings
        What made the outputs: durations and offsets, and for the last part of the scale the way to
        the image and back.
    inversion : bool
        Whether to make that part, the content after image and inversion.
    weights : Weights, optional
        Of the network, to compute the paper's losses of every sound with `settings` too (this starts Theano).
    outside : Measures, optional
        Numbers of other programs, from :func:`~audiostyle.study.evaluate.outside.read_measures`.
    progress : callable, optional
        Called with the name of each sound before it is measured.

    Raises
    ------
    InputError
        If a file cannot be used.
    """
    from audiostyle.audio.clip import bandpass, load_clip

    analysis = Settings(**{name: getattr(settings, name) for name in TIMES})
    shortest = min(settings.duration, settings.of_style.duration)
    if shortest < MINIMUM_SECONDS:
        raise InputError(
            f"The duration is {shortest:g} s, but the metrics need at least {MINIMUM_SECONDS:g} s; use a longer "
            f"{'--duration' if shortest == settings.duration else '--duration-style'}."
        )
    tell = progress or (lambda name: None)
    clips = {
        "content": bandpass(load_clip(content, analysis, analysis.offset_content), analysis),
        "style": bandpass(load_clip(style, analysis.of_style, analysis.offset_style), analysis),
    }
    # Found before the slow part: a file that cannot be used.
    loaded = [load_output(path, analysis) for path in outputs]
    scale = {name: measure(samples, analysis) for name, samples in clips.items()}
    rows = []

    def add(name: str, role: str, path: str | None, sound: Sound, note: str = "") -> None:
        tell(name)
        seconds = min(one.seconds for one in (sound, *scale.values()))
        scores = evaluate_by_module(sound, scale["content"], scale["style"])
        rows.append(Row(name, role, path, seconds, note, scores))

    for (name, sound), path in zip(scale.items(), (content, style), strict=True):
        add(name, name, path, sound)
    inverted = None
    if inversion:
        tell("content inverted")
        inverted = _inverted(content, settings)
        add("content inverted", "content_inverted", None, measure(_converted(inverted, settings, analysis), analysis))
    for label, path, (samples, note) in zip(labels(outputs), outputs, loaded, strict=True):
        add(label, "output", path, measure(samples, analysis), note)
    if weights is not None:
        tell("the paper's losses")
        _add_losses(rows, content, style, inverted, settings, weights)
    if outside is not None:
        for row in rows:
            digest = "" if row.path is None else sha256_of_file(row.path)
            row.scores[OUTSIDE] = OrderedDict((one, values.get(digest, math.nan)) for one, values in outside.items())
    return Measurements(analysis, tuple(rows), None if weights is None else (settings, weights))


def labels(paths: Sequence[str]) -> list[str]:
    """Return a short name for each path: its last parts, without the suffix, as many as tell all paths apart."""
    parts = [os.path.splitext(os.path.normpath(path))[0].split(os.sep) for path in paths]
    for depth in range(1, max(map(len, parts), default=1) + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(set(paths)):
            return names
    return list(paths)


def _add_losses(
    rows: Sequence[Row], content: str, style: str, inverted: np.ndarray | None, settings: Settings, weights: Weights
) -> None:
    """Compute the paper's losses of every row's sound, at the settings' own sample rate."""
    from audiostyle.study.evaluate.paper_losses import PaperLosses

    losses = PaperLosses(content, style, weights, settings)
    for row in rows:
        if row.role == "output" and row.path is not None:
            samples = load_output(row.path, settings)[0]
        elif row.role == "content_inverted" and inverted is not None:
            samples = inverted
        else:
            samples = losses.clip(row.role)
        row.scores[LOSSES] = losses(samples)


def _inverted(path: str, settings: Settings) -> np.ndarray:
    """The content after image and inversion by `settings`."""
    from audiostyle.audio.clip import bandpass, load_clip

    samples = bandpass(load_clip(path, settings, settings.offset_content), settings)
    return through_the_image(samples, settings)


def _converted(samples: np.ndarray, settings: Settings, analysis: Settings) -> np.ndarray:
    """Samples of `settings` at the sample rate of `analysis`."""
    if settings.sample_rate == analysis.sample_rate:
        return samples
    import librosa

    return librosa.resample(samples, orig_sr=settings.sample_rate, target_sr=analysis.sample_rate, res_type="soxr_hq")


def load_output(path: str, analysis: Settings) -> tuple[np.ndarray, str]:
    """Return an output's samples, as many as there are up to the duration, and a note of what was changed."""
    from audiostyle.audio.clip import load_clip

    found = _length(path)
    if found is None:
        # Whatever is wrong with the file, the loader has the sentence for it.
        return load_clip(path, analysis), ""
    seconds, rate = found
    wanted = round(analysis.duration * analysis.sample_rate)
    there = math.floor(seconds * analysis.sample_rate + 1e-6)
    if there < MINIMUM_SECONDS * analysis.sample_rate:
        raise InputError(
            f"{path!r} is {seconds:.3f} s long, but the metrics need at least {MINIMUM_SECONDS:g} s; give a longer "
            "output."
        )
    notes = []
    if rate != analysis.sample_rate:
        notes.append(f"{rate} Hz, converted to {analysis.sample_rate} Hz")
    if there > wanted:
        notes.append(f"{seconds:.3f} s, cut to the first {analysis.duration:g} s")
    elif there < wanted:
        notes.append(f"{seconds:.3f} s, so content and style were cut to that from {analysis.duration:g} s")
    if (style := analysis.of_style.duration) < min(seconds, analysis.duration):
        notes.append(f"compared over the first {style:g} s, which is all of the style")
    count = min(there, wanted)
    return load_clip(path, dataclasses.replace(analysis, duration=count / analysis.sample_rate)), "; ".join(notes)


def _length(path: str) -> tuple[float, int] | None:
    """Return a sound file's seconds and sample rate, or None if it does not say."""
    # Nothing but a regular file is opened: a pipe would wait.
    return isolated(header_of, path, files=[path]) if os.path.isfile(path) else None
