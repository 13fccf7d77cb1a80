"""Onsets and beats: does the output strike when the content does, or when the style does?

Conventions
-----------
Times are in seconds, ``(n,)``, increasing; the output's are moved by the lag at which its mel image
matches the reference's best, since the released inversion is three columns early (T10, T11).

Metrics
-------
* :func:`f_measure` of onsets within 50 ms and of beats within 70 ms -- ``mir_eval.onset`` and
  ``mir_eval.beat``, as MIREX scores them, but without leaving out the first five seconds of beats
* :func:`chance` -- the same with the output turned round in time, since dense onsets meet others anyway
* :func:`inter_onset_divergence` -- how the times between onsets are distributed (Barry and Kim 2018)

References
----------
C. Raffel et al., mir_eval: a transparent implementation of common MIR metrics, ISMIR 2014.

S. Barry and Y. Kim, "Style" transfer for musical audio using multiple time-frequency representations,
2018.
"""

from collections import OrderedDict

import numpy as np

from audiostyle.study.evaluate.overlap import best_lag
from audiostyle.study.evaluate.rhythm import onset_envelope
from audiostyle.study.evaluate.sounds import Sound

__all__ = ["beat_times", "chance", "evaluate", "f_measure", "inter_onset_divergence", "onset_times", "validate"]

#: How far apart two onsets, and two beats, may be to count as one, in seconds.
WINDOWS = {"onset": 0.05, "beat": 0.07}
# Turns of the output that are no longer the same place, and the steps between them.
_FAR_SECONDS = 1.0
_STEP_SECONDS = 0.1
# Bins of the histogram of intervals; an onset every 2 s is no rhythm.
_BINS = np.arange(0, 2.05, 0.05)


def validate(times: np.ndarray) -> None:
    """Raise ValueError unless times are ``(n,)``, finite, not negative and increasing."""
    if times.ndim != 1 or not np.isfinite(times).all() or (np.diff(times) < 0).any() or (times < 0).any():
        raise ValueError("Times are finite, not negative and increasing.")


def onset_times(sound: Sound) -> np.ndarray:
    """Times of the onsets of a sound ``(n,)`` (librosa's peaks of the onset envelope)."""
    import librosa

    frames = librosa.onset.onset_detect(
        onset_envelope=onset_envelope(sound), sr=sound.sample_rate, hop_length=sound.hop, units="frames"
    )
    return np.asarray(frames, dtype=np.float64) * sound.column_seconds


def beat_times(sound: Sound) -> np.ndarray:
    """Times of the beats of a sound ``(n,)`` (librosa: Ellis 2007)."""
    import librosa

    envelope = onset_envelope(sound)
    if not envelope.any():
        return np.empty(0)
    _, frames = librosa.beat.beat_track(
        onset_envelope=envelope, sr=sound.sample_rate, hop_length=sound.hop, units="frames"
    )
    return np.asarray(frames, dtype=np.float64) * sound.column_seconds


def f_measure(times: np.ndarray, reference: np.ndarray, window: float) -> float:
    """Harmonic mean of precision and recall of times within a window in seconds [0 .. 1]; NaN without a reference."""
    import mir_eval

    validate(times)
    validate(reference)
    if not len(reference):
        return float("nan")
    if not len(times):
        return 0.0
    return float(mir_eval.onset.f_measure(reference, times, window=window)[0])


def chance(times: np.ndarray, reference: np.ndarray, window: float, seconds: float) -> float:
    """Mean :func:`f_measure` of times turned round by 1 s and more, in steps of 0.1 s [0 .. 1].

    Parameters
    ----------
    times, reference : np.ndarray
        ``(n,)`` in seconds.
    window : float
        In seconds.
    seconds : float
        Duration of the sounds; NaN if it is less than 2 s.
    """
    turns = np.arange(_FAR_SECONDS, seconds - _FAR_SECONDS + 1e-9, _STEP_SECONDS)
    if not len(turns):
        return float("nan")
    return float(np.mean([f_measure(np.sort((times + turn) % seconds), reference, window) for turn in turns]))


def inter_onset_divergence(times: np.ndarray, reference: np.ndarray) -> float:
    """Kullback-Leibler divergence of the output's times between onsets from the reference's, in nats [0 ..].

    Histograms of 50 ms up to 2 s, to which one interval is added, spread over all bins.  NaN with fewer
    than two onsets.
    """
    validate(times)
    validate(reference)
    if min(len(times), len(reference)) < 2:
        return float("nan")
    mine, theirs = (_histogram(np.diff(onsets)) for onsets in (times, reference))
    return float(np.sum(mine * np.log(mine / theirs)))


def _histogram(intervals: np.ndarray) -> np.ndarray:
    counts, _ = np.histogram(np.minimum(intervals, _BINS[-1]), _BINS)
    shares = counts + 1 / len(counts)
    return shares / shares.sum()


def evaluate(output: Sound, content: Sound, style: Sound) -> "OrderedDict[str, float]":
    """Return every number of this module for one output."""
    references = {"style": style, "content": content}
    lags = {name: best_lag(output.mel, sound.mel)[0] * output.column_seconds for name, sound in references.items()}
    scores: OrderedDict[str, float] = OrderedDict()
    found = {name: onset_times(sound) for name, sound in {"output": output, **references}.items()}
    beats = {name: beat_times(sound) for name, sound in {"output": output, **references}.items()}
    for kind, times in (("onset", found), ("beat", beats)):
        for name in references:
            moved = times["output"] + lags[name]
            moved = moved[moved >= 0]
            scores[f"{kind}_f_{name}"] = f_measure(moved, times[name], WINDOWS[kind])
            scores[f"{kind}_f_{name}_chance"] = chance(moved, times[name], WINDOWS[kind], output.seconds)
    for name in references:
        scores[f"inter_onset_divergence_{name}"] = inter_onset_divergence(found["output"], found[name])
    return scores
