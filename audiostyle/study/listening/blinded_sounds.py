"""The sounds of a listening test: equally loud, equally long, under names that say nothing; and the key to them.

A trial has a reference (the clip that was asked about), the same once more hidden, an anchor (the reference without
what is above 3.5 kHz), the other clip as it is, and the results.  Listeners say how near each is to the reference.
"""

import dataclasses
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from audiostyle.audio.loudness import loudness
from audiostyle.errors import InputError
from audiostyle.files import sha256_of_file
from audiostyle.settings import Settings
from audiostyle.study.evaluate.measured_files import labels, load_output

__all__ = ["ANCHOR", "HIDDEN", "QUESTIONS", "Trial", "blinded_trials"]

#: What is asked, and the sentence that asks it.
QUESTIONS = {
    "style": "How similar in style is each sound to the reference: its timbre, its rhythm, its way of being played?",
    "content": "How much of the reference is in each sound: its melody, its harmony, its course?",
}
#: Names of conditions that every trial has.
HIDDEN, ANCHOR = "hidden reference", "anchor 3.5 kHz"

RATE = 44100
# The common loudness, unless a sound would have to be louder than full scale for it.
_LUFS, _PEAK = -23.0, 10 ** (-1 / 20)
_ANCHOR_HERTZ = 3500.0
_FADE_SECONDS = 0.005


class Trial(NamedTuple):
    """One page of the test.

    Attributes
    ----------
    id : str
    reference : str
        Name of the open reference's file.
    stimuli : dict of str to str
        What answers call a stimulus (``S1`` ...) to its file, in no order that says anything.
    key : dict of str to dict
        The same to its ``condition``, and what it was made of.
    """

    id: str
    reference: str
    stimuli: dict[str, str]
    key: dict[str, dict[str, Any]]


def blinded_trials(
    folder: Path, pairs: Sequence[tuple[str, str, str, str]], settings: Settings, question: str, draw: random.Random
) -> list[Trial]:
    """Write the sounds to a folder and return the trials, one for each pair of clips.

    Parameters
    ----------
    folder : pathlib.Path
    pairs : sequence of tuple
        Content, style, result, label (a condition's name; without one, the result's file name).
    settings : Settings
        ``duration`` and offsets.
    question : {'style', 'content'}
        Which clip is the reference.
    draw : random.Random
        Names and orders come from it.

    Raises
    ------
    InputError
        If a file cannot be used, or a trial has two results of one condition.
    """
    settings = dataclasses.replace(
        Settings(), sample_rate=RATE, duration=settings.duration, offset_content=settings.offset_content,
        offset_style=settings.offset_style,
    )  # fmt: skip
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    names = labels([pair[2] for pair in pairs])
    for (content, style, result, label), name in zip(pairs, names, strict=True):
        group = groups.setdefault((content, style), [])
        condition = label or name
        if condition in {one for one, _ in group} | {HIDDEN, ANCHOR, "content", "style"}:
            raise InputError(f"Two sounds of one trial are called {condition!r}; give each a label of its own.")
        group.append((condition, result))
    return [
        _trial(f"trial{number}", folder, clips, results, settings, question, draw)
        for number, (clips, results) in enumerate(groups.items(), 1)
    ]


def _trial(
    name: str,
    folder: Path,
    clips: tuple[str, str],
    results: Sequence[tuple[str, str]],
    settings: Settings,
    question: str,
    draw: random.Random,
) -> Trial:
    from audiostyle.audio.clip import load_clip

    offsets = settings.offset_content, settings.offset_style
    loaded = {
        role: load_clip(path, settings, offset)
        for role, path, offset in zip(("content", "style"), clips, offsets, strict=True)
    }
    paths = dict(zip(("content", "style"), clips, strict=True)) | dict(results)
    other = "content" if question == "style" else "style"
    sounds = {HIDDEN: loaded[question], ANCHOR: _anchor(loaded[question]), other: loaded[other]}
    sounds |= {condition: load_output(path, settings)[0] for condition, path in results}
    shortest = min(map(len, sounds.values()))
    faded = {condition: _faded(samples[:shortest]) for condition, samples in sounds.items()}
    level = _common_level(list(faded.values()))
    order = list(faded)
    draw.shuffle(order)
    stimuli, key = {}, {}
    for number, condition in enumerate(order, 1):
        samples, identity = faded[condition], f"S{number}"
        gain = level - loudness(samples, RATE)
        stimuli[identity] = _written(folder, samples * 10 ** (gain / 20), draw)
        source = paths.get(condition, paths[question])
        key[identity] = {
            "condition": condition,
            "file": stimuli[identity],
            "source": os.path.basename(source),
            "source_sha256": sha256_of_file(source),
            "gain_db": round(gain, 3),
        }
    reference = faded[HIDDEN] * 10 ** ((level - loudness(faded[HIDDEN], RATE)) / 20)
    return Trial(name, _written(folder, reference, draw), stimuli, key)


def _anchor(samples: np.ndarray) -> np.ndarray:
    """The low anchor of BS.1534: nothing above 3.5 kHz; a linear phase, so that it is in time with the reference."""
    import scipy.signal

    filtered: np.ndarray = scipy.signal.sosfiltfilt(
        scipy.signal.ellip(8, 0.05, 30, _ANCHOR_HERTZ, fs=RATE, output="sos"), samples
    )
    return filtered


def _faded(samples: np.ndarray) -> np.ndarray:
    """Short ramps at both ends, where a cut would click."""
    count = min(round(_FADE_SECONDS * RATE), len(samples) // 2)
    ramp = np.ones(len(samples))
    ramp[:count] = np.linspace(0, 1, count)
    ramp[len(ramp) - count :] = np.linspace(1, 0, count)
    return samples * ramp


def _common_level(sounds: Sequence[np.ndarray]) -> float:
    """The loudness in LUFS that all can have without the loudest peak of any coming near full scale."""
    room = [loudness(samples, RATE) + 20 * np.log10(_PEAK / np.abs(samples).max()) for samples in sounds]
    level = min(_LUFS, *room)
    if not np.isfinite(level):
        raise InputError("A sound is too quiet to be made as loud as the others; leave it out.")
    return float(level)


def _written(folder: Path, samples: np.ndarray, draw: random.Random) -> str:
    from scipy.io import wavfile

    name = f"{draw.getrandbits(48):012x}.wav"
    # Triangular dither of one step, so that not even two files of one sound have the same bytes.
    dither = np.random.RandomState(draw.getrandbits(32)).triangular(-1, 0, 1, len(samples))
    whole = np.clip(np.rint(samples * 32767 + dither), -32768, 32767).astype(np.int16)
    wavfile.write(folder / name, RATE, whole)
    return name
