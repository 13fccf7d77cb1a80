"""The demonstration's two clips: four bars of rock and four bars of reggae, over and over.

They stand for the paper's rock17 and reggae07 at the same tempi.  Rock: straight 4/4, back-beat on 2 and 4, distorted
power chords in eighths.  Reggae: nothing on the first beat, drum and rim together on 2 and 4 (the one drop), chords on
every off-beat, a bass line that leaves holes, a melodica above.
"""

import os
import wave
from pathlib import Path

import numpy as np

from audiostyle.demo import instruments
from audiostyle.errors import InputError
from audiostyle.files import replacing

__all__ = ["TEMPI", "make_clip", "write_clips"]

TEMPI = {"rock": 121.0, "reggae": 76.0}  # quarter notes per minute
_SEED = 20170503  # of the noise in the drums; the authors' last commit
_BARS = 4


class _Tape:
    """Adds notes at musical times; what lies past the end is cut off."""

    def __init__(self, kind: str, seconds: float, sample_rate: int) -> None:
        self.samples = np.zeros(round(seconds * sample_rate))
        self.sample_rate = sample_rate
        self.beat = 60 / TEMPI[kind]
        self.bars = int(np.ceil(seconds / (4 * self.beat)))

    def add_room(self, rng: np.random.Generator, level: float, *, decay: float, low: float, high: float) -> None:
        """Add the echo of all that is on the tape."""
        self.samples += level * instruments.room(self.samples, self.sample_rate, rng, decay=decay, low=low, high=high)

    def add(self, bar: int, beat: float, note: np.ndarray, level: float) -> None:
        """Add `note` at `beat` (0..4, quarter notes) of `bar`, both counted from 0."""
        start = round((4 * bar + beat) * self.beat * self.sample_rate)
        stop = min(start + len(note), len(self.samples))
        if start < stop:
            self.samples[start:stop] += level * note[: stop - start]


def make_clip(kind: str, seconds: float, sample_rate: int = 22050) -> np.ndarray:
    """Synthesise a clip; the same arguments give the same samples.

    Parameters
    ----------
    kind : {'rock', 'reggae'}
        Which pattern.
    seconds : float
        Length; at least 0.2 s.
    sample_rate : int
        Samples per second.

    Returns
    -------
    np.ndarray
        ``(n_samples,)`` float64 in [-1, 1], its peak at 0.9.

    Raises
    ------
    InputError
        If `kind` is unknown or `seconds` too short.
    """
    players = {"rock": _play_rock, "reggae": _play_reggae}
    if kind not in players:
        raise InputError(f"There is no synthetic clip called {kind!r}; there are {' and '.join(players)}.")
    if not 0.2 <= seconds <= 3600:
        raise InputError(f"A synthetic clip of {seconds:g} s was asked for; it can be 0.2 to 3600 s long.")
    tape = _Tape(kind, seconds, sample_rate)
    players[kind](tape)
    # Saturated a little like tape, so that one loud stroke does not set the level of everything else.
    mixed = np.tanh(1.2 * tape.samples / np.abs(tape.samples).max())
    return 0.9 * mixed / np.abs(mixed).max()


def write_clips(folder: Path, seconds: float) -> tuple[Path, Path]:
    """Write ``rock.wav`` and ``reggae.wav`` (22050 Hz, mono, 16 bits) into `folder`.

    Returns
    -------
    (Path, Path)
        The content (rock) and the style (reggae).

    Raises
    ------
    InputError
        If the folder cannot be made or written to.
    """
    paths = folder / "rock.wav", folder / "reggae.wav"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            _write_wav(path, make_clip(path.stem, seconds))
    except OSError as error:
        raise InputError(
            f"The synthetic clips cannot be written into {folder} ({error.strerror}); choose another folder with -o."
        ) from error
    return paths


def _write_wav(path: Path, samples: np.ndarray, sample_rate: int = 22050) -> None:
    with replacing(path, "The synthetic clip") as part, wave.open(os.fspath(part), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(sample_rate)
        wav.writeframes(np.round(samples * 32767).astype("<i2").tobytes())


def _play_rock(tape: _Tape) -> None:
    rate, rng = tape.sample_rate, np.random.default_rng(_SEED)
    eighth = tape.beat / 2
    roots = (40, 43, 45, 38)  # E, G, A, D, one a bar
    for bar in range(tape.bars):
        root, last = roots[bar % _BARS], bar % _BARS == _BARS - 1
        if bar % _BARS == 0:
            tape.add(bar, 0, instruments.crash(rate, rng), 0.5)
        for beat in (0, 2, 2.5, *((3.5,) if last else ())):
            tape.add(bar, beat, instruments.kick(rate, rng), 0.75)
        for beat in (1, 3, *((3.75,) if last else ())):
            tape.add(bar, beat, instruments.snare(rate, rng), 0.9)
        for step in range(8):
            tape.add(bar, step / 2, instruments.hi_hat(rate, rng, 0.04), 0.40 if step % 2 else 0.55)
            tape.add(bar, step / 2, instruments.bass_guitar(root - 12, 0.95 * eighth, rate), 0.28)
        # Two chords that ring, the rest under the palm.
        for step, length in ((0, 2), (2, 1), (3, 1), (4, 2), (6, 1), (7, 1)):
            chord = instruments.power_chord(root, length * 0.97 * eighth, rate, muted=length == 1)
            tape.add(bar, step / 2, chord, 0.55 if length == 2 else 0.50)
    tape.add_room(rng, 0.30, decay=0.15, low=150, high=7000)


def _play_reggae(tape: _Tape) -> None:
    rate, rng = tape.sample_rate, np.random.default_rng(_SEED + 1)
    beat = tape.beat
    a_minor, d_minor, g_major = (57, 60, 64), (57, 62, 65), (55, 59, 62)
    chords = (a_minor, d_minor, a_minor, g_major)  # one a bar
    # (beat, note, length in beats); the first beat is left open in every second bar
    lines = (
        ((0, 33, 0.7), (0.75, 33, 0.2), (1, 36, 0.45), (1.5, 40, 0.45), (2.5, 38, 0.45), (3, 36, 0.7)),
        ((0.5, 38, 0.45), (1, 38, 0.7), (2, 41, 0.45), (2.5, 45, 0.45), (3, 41, 0.9)),
        ((0, 33, 0.7), (0.75, 33, 0.2), (1, 40, 0.45), (1.5, 36, 0.45), (2.5, 33, 0.45), (3, 31, 0.7)),
        ((0.5, 31, 0.45), (1, 31, 0.7), (2, 35, 0.45), (2.5, 38, 0.45), (3, 35, 0.45), (3.5, 32, 0.45)),
    )
    melody = (
        ((0.5, 76, 0.9), (1.5, 74, 0.45), (2, 72, 1.8)),
        ((2.5, 72, 0.45), (3, 74, 0.45), (3.5, 77, 0.5)),
        ((0, 76, 1.4), (1.5, 72, 0.45), (2, 69, 1.8)),
        ((2, 67, 0.45), (2.5, 71, 0.45), (3, 74, 0.9)),
    )
    for bar in range(tape.bars):
        chord = chords[bar % _BARS]
        for one_drop in (1, 3):
            tape.add(bar, one_drop, instruments.kick(rate, rng), 0.75)
            tape.add(bar, one_drop, instruments.rim_shot(rate, rng), 0.6)
        for quarter in range(4):
            tape.add(bar, quarter, instruments.hi_hat(rate, rng), 0.25)
            tape.add(bar, quarter + 0.5, instruments.hi_hat(rate, rng, 0.06), 0.40)
            tape.add(bar, quarter + 0.5, instruments.clean_chord([n + 12 for n in chord], rate), 0.75)
            # The organ's bubble: the off-beat and the sixteenth behind it.
            tape.add(bar, quarter + 0.5, instruments.organ_chord(chord, 0.16 * beat, rate), 0.32)
            tape.add(bar, quarter + 0.75, instruments.organ_chord(chord, 0.12 * beat, rate), 0.16)
        for start, note, length in lines[bar % _BARS]:
            tape.add(bar, start, instruments.round_bass(note, length * beat, rate), 0.6)
        for start, note, length in melody[bar % _BARS]:
            tape.add(bar, start, instruments.melodica(note, length * beat, rate, rng), 0.16)
    # A spring reverberator: long, and without bass or treble.
    tape.add_room(rng, 0.30, decay=0.35, low=250, high=4000)
