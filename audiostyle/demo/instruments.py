"""One note of each instrument of the demonstration's two bands, by numpy alone.

Every function returns a new array ``(n_samples,)`` that starts at the attack and peaks near 1.  Pitches are MIDI note
numbers (69 is 440 Hz), durations seconds.  Noise comes from the generator that is handed in, so a seed decides all.
"""

from collections.abc import Sequence

import numpy as np

__all__ = [
    "bass_guitar",
    "clean_chord",
    "crash",
    "hi_hat",
    "kick",
    "melodica",
    "organ_chord",
    "power_chord",
    "rim_shot",
    "room",
    "round_bass",
    "shaped",
    "snare",
]


def shaped(samples: np.ndarray, sample_rate: int, low: float, high: float) -> np.ndarray:
    """Keep roughly the frequencies between `low` and `high` Hz: zero phase, slopes of 24 dB an octave."""
    # Padded to twice the length: the circular filter's tail must not come back at the attack.
    spectrum = np.fft.rfft(samples, 2 * len(samples))
    frequency = np.fft.rfftfreq(2 * len(samples), 1 / sample_rate)
    gain = 1 / (1 + (frequency / high) ** 4)
    gain *= frequency**4 / (frequency**4 + low**4)
    return np.fft.irfft(spectrum * gain)[: len(samples)]


def kick(sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """A bass drum: a sine that falls from 160 to 50 Hz, behind the click of the beater."""
    time = _time(0.35, sample_rate)
    phase = 2 * np.pi * (50 * time + 110 * 0.03 * (1 - np.exp(-time / 0.03)))
    body = np.sin(phase) * np.exp(-time / 0.10)
    click = shaped(rng.standard_normal(len(time)), sample_rate, 800, 4000) * np.exp(-time / 0.004)
    return _released(body + 0.5 * click, sample_rate)


def snare(sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """A snare drum: two modes of the head and the rattle of the wires."""
    time = _time(0.30, sample_rate)
    head = (np.sin(2 * np.pi * 186 * time) + 0.6 * np.sin(2 * np.pi * 331 * time)) * np.exp(-time / 0.05)
    wires = shaped(rng.standard_normal(len(time)), sample_rate, 1200, 8000) * np.exp(-time / 0.07)
    return _released(0.5 * head + 0.6 * wires, sample_rate)


def rim_shot(sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """A cross-stick: a short woody knock at 480 and 1650 Hz."""
    time = _time(0.12, sample_rate)
    wood = np.sin(2 * np.pi * 480 * time) + 0.8 * np.sin(2 * np.pi * 1650 * time + 0.7)
    tick = shaped(rng.standard_normal(len(time)), sample_rate, 1500, 5000) * np.exp(-time / 0.003)
    return _released(0.5 * wood * np.exp(-time / 0.018) + 0.3 * tick, sample_rate)


def hi_hat(sample_rate: int, rng: np.random.Generator, decay: float = 0.03) -> np.ndarray:
    """A hi-hat: noise above 6 kHz; `decay` is 0.03 s closed, about 0.15 s open."""
    time = _time(6 * decay, sample_rate)
    metal = shaped(rng.standard_normal(len(time)), sample_rate, 6000, 10500)
    return _released(0.6 * metal * np.exp(-time / decay), sample_rate)


def crash(sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """A crash cymbal: broad noise that loses its top last."""
    time = _time(2.0, sample_rate)
    noise = rng.standard_normal(len(time))
    wash = shaped(noise, sample_rate, 2500, 6000) * np.exp(-time / 0.35)
    shimmer = shaped(noise, sample_rate, 5000, 10500) * np.exp(-time / 0.6)
    return _released(0.3 * (wash + shimmer), sample_rate)


def power_chord(root: float, seconds: float, sample_rate: int, *, muted: bool = False) -> np.ndarray:
    """A distorted guitar's root, fifth and octave through a speaker; `muted` is a palm on the strings."""
    time = _time(seconds, sample_rate)
    decay = 0.10 if muted else 1.5
    strings = np.zeros(len(time))
    for interval, cents in ((0, -4), (0, 4), (7, -3), (7, 3), (12, 0)):
        strings += _sawtooth(root + interval + cents / 100, time, sample_rate)
    strings *= np.exp(-time / decay)
    # Distortion before the speaker: the fifth's difference tones are what makes it a power chord.
    driven = np.tanh(4.0 * shaped(strings, sample_rate, 200, 6000))
    presence = shaped(driven, sample_rate, 1200, 3000 if muted else 5000)
    return _released(0.5 * shaped(driven, sample_rate, 90, 4500) + 1.3 * presence, sample_rate)


def bass_guitar(note: float, seconds: float, sample_rate: int) -> np.ndarray:
    """An electric bass played with a pick: overtones up to 2 kHz, the high ones gone first."""
    time = _time(seconds, sample_rate)
    return _released(0.8 * _plucked(note, time, sample_rate, slope=1.0, decay=0.9, damping=0.25), sample_rate)


def round_bass(note: float, seconds: float, sample_rate: int) -> np.ndarray:
    """A bass with the treble turned down: a fundamental, a little octave, a soft attack."""
    time = _time(seconds, sample_rate)
    tone = _plucked(note, time, sample_rate, slope=2.2, decay=1.2, damping=0.6)
    return _released(tone * (1 - np.exp(-time / 0.012)), sample_rate, release=0.04)


def clean_chord(notes: Sequence[float], sample_rate: int) -> np.ndarray:
    """A skank: a clean guitar's upstroke, high string first, the fretting hand lifted at once."""
    time = _time(0.22, sample_rate)
    chord = np.zeros(len(time))
    for index, note in enumerate(sorted(notes, reverse=True)):
        late = round(0.004 * index * sample_rate)
        string = _plucked(note, time, sample_rate, slope=0.7, decay=0.09, damping=0.05)
        chord[late:] += string[: len(time) - late]
    return _released(shaped(chord, sample_rate, 500, 6000) / len(notes) * 1.6, sample_rate)


def organ_chord(notes: Sequence[float], seconds: float, sample_rate: int) -> np.ndarray:
    """A drawbar organ: five sines a note, no decay, keys released after `seconds`."""
    time = _time(seconds, sample_rate)
    chord = np.zeros(len(time))
    for note in notes:
        for harmonic, level in ((0.5, 0.6), (1, 1.0), (1.5, 0.4), (2, 0.5), (4, 0.25)):
            chord += level * np.sin(2 * np.pi * harmonic * _hertz(note) * time)
    return _released(0.4 / len(notes) * chord * (1 - np.exp(-time / 0.004)), sample_rate, release=0.015)


def melodica(note: float, seconds: float, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """A reed blown by mouth: odd overtones strongest, a slow vibrato, some breath."""
    time = _time(seconds, sample_rate)
    phase = 2 * np.pi * _hertz(note) * time + 0.25 * np.sin(2 * np.pi * 5.2 * time) * np.minimum(time / 0.25, 1)
    reed = np.zeros(len(time))
    for harmonic, level in ((1, 1.0), (2, 0.35), (3, 0.6), (4, 0.2), (5, 0.35), (7, 0.2), (9, 0.1)):
        reed += level * np.sin(harmonic * phase)
    breath = shaped(rng.standard_normal(len(time)), sample_rate, 1000, 7000)
    return _released((0.4 * reed + 0.04 * breath) * (1 - np.exp(-time / 0.025)), sample_rate, release=0.06)


def room(
    samples: np.ndarray, sample_rate: int, rng: np.random.Generator, *, decay: float, low: float, high: float
) -> np.ndarray:
    """The echo of `samples` in a room: convolved with noise from `low` to `high` Hz that dies in `decay` seconds."""
    time = _time(6 * decay, sample_rate)
    answer = shaped(rng.standard_normal(len(time)), sample_rate, low, high) * np.exp(-time / decay)
    answer /= np.sqrt(np.sum(answer**2))
    length = len(samples) + len(answer)
    return np.fft.irfft(np.fft.rfft(samples, length) * np.fft.rfft(answer, length), length)[: len(samples)]


def _time(seconds: float, sample_rate: int) -> np.ndarray:
    return np.arange(round(seconds * sample_rate)) / sample_rate


def _hertz(note: float) -> float:
    return 440.0 * 2.0 ** ((note - 69) / 12)


def _released(samples: np.ndarray, sample_rate: int, release: float = 0.005) -> np.ndarray:
    """Fade the last `release` seconds out, so that a note ends without a click."""
    length = min(len(samples), round(release * sample_rate))
    samples[len(samples) - length :] *= np.linspace(1, 0, length)
    return samples


def _sawtooth(note: float, time: np.ndarray, sample_rate: int) -> np.ndarray:
    """A sawtooth from its harmonics below 0.45 of the sample rate, so that none fold over."""
    wave = np.zeros(len(time))
    hertz = _hertz(note)
    for harmonic in range(1, int(0.45 * sample_rate / hertz) + 1):
        wave += np.sin(2 * np.pi * harmonic * hertz * time) / harmonic
    return 0.6 * wave


def _plucked(
    note: float, time: np.ndarray, sample_rate: int, *, slope: float, decay: float, damping: float
) -> np.ndarray:
    """A string: harmonic k has level k**-slope and dies after decay / (1 + damping * (k - 1)) seconds."""
    wave = np.zeros(len(time))
    hertz = _hertz(note)
    for harmonic in range(1, min(24, int(0.45 * sample_rate / hertz)) + 1):
        level = harmonic**-slope * np.exp(-time * (1 + damping * (harmonic - 1)) / decay)
        wave += level * np.sin(2 * np.pi * harmonic * hertz * time)
    return 0.7 * wave
