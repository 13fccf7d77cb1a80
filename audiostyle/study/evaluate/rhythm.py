"""Rhythm: which beat, how clear, and is it the style's?

Conventions
-----------
The beat spectrum comes from the mel image; onset envelope, tempogram and tempo come from the samples,
with one value per column of the mel image.  Lags are in columns, tempi in beats per minute (BPM).

Metrics
-------
* :func:`beat_spectrum` and its cosine to style and content -- Foote and Uchihashi 2001; Foote,
  Cooper and Nam 2002, on 10 s excerpts at 22050 Hz, as here
* :func:`contrast` -- how far its highest peak stands above its median
* :func:`mean_tempogram` and its cosine -- Grosche, Mueller and Kurth 2010, as librosa has it
* :func:`tempi` -- two tempi and their weight, in the form MIREX asks for
* :func:`tempo_matches` -- one tempo, within 8 %, octaves forgiven (Gouyon et al. 2006, accuracy 2)
* :func:`p_score` -- ``mir_eval.tempo.detection``, octaves not forgiven
* :func:`pulse_clarity` -- the onset envelope's highest autocorrelation (Lartillot et al. 2008)

References
----------
J. Foote and S. Uchihashi, The beat spectrum: a new approach to rhythm analysis, ICME 2001.

J. Foote, M. Cooper and U. Nam, Audio retrieval by rhythmic similarity, ISMIR 2002.

F. Gouyon et al., An experimental comparison of audio tempo induction algorithms, IEEE TASLP 14(5), 2006.

O. Lartillot et al., Multi-feature modeling of pulse clarity, ISMIR 2008.
"""

from collections import OrderedDict

import numpy as np

from audiostyle.study.evaluate.similarity import centred, cosine, refine_peak
from audiostyle.study.evaluate.sounds import Sound

__all__ = [
    "beat_spectrum",
    "beat_spectrum_cosine",
    "contrast",
    "evaluate",
    "main_tempo",
    "mean_tempogram",
    "onset_envelope",
    "p_score",
    "pulse_clarity",
    "repetition",
    "tempi",
    "tempo_matches",
    "validate",
]

#: Tolerance of a tempo, as in ``mir_eval.tempo.detection`` and MIREX.
TOLERANCE = 0.08
# Slower and faster than this is form and tone, not beat.
_BPM = (30.0, 300.0)
# Lags of the beat spectrum in seconds; shorter ones tell how smooth a sound is, longer ones are few in 10 s.
_BEAT_SECONDS = (0.12, 4.75)
# Of the log-normal weight that prefers tempi near 120 BPM, one octave wide: librosa's.
_USUAL_BPM = 120.0


def validate(envelope: np.ndarray, column_seconds: float) -> None:
    """Raise ValueError unless the envelope is ``(n_columns,)``, finite, and the columns have a duration."""
    if envelope.ndim != 1 or not len(envelope) or not np.isfinite(envelope).all():
        raise ValueError(f"An envelope is a row of finite numbers, not an array of shape {envelope.shape}.")
    if not column_seconds > 0:
        raise ValueError(f"A column lasts more than 0 s, not {column_seconds!r}.")


def beat_spectrum(mel: np.ndarray) -> np.ndarray:
    """Mean self-similarity of a mel image at each lag (Foote and Uchihashi 2001).

    The similarity of two moments is the cosine between their columns, after each row's mean in time
    is taken away: without that every two columns of a log spectrogram look alike.  The sum over each
    diagonal of the similarity matrix is divided by the diagonal's length.  It comes without the
    matrix, as the autocorrelation of the columns at unit length.

    Parameters
    ----------
    mel : np.ndarray
        ``(n_mels, n_columns)``.

    Returns
    -------
    np.ndarray
        ``(n_columns,)``, [-1 .. 1], 1 at lag 0 (if no column is silent).
    """
    import scipy.fft

    columns = centred(mel)
    lengths = np.linalg.norm(columns, axis=0)
    columns = np.divide(columns, lengths, out=np.zeros_like(columns), where=lengths > 1e-9)
    n_columns = mel.shape[1]
    size = scipy.fft.next_fast_len(2 * n_columns - 1, real=True)
    power = np.sum(np.abs(scipy.fft.rfft(columns, size, axis=1)) ** 2, axis=0)
    return scipy.fft.irfft(power, size)[:n_columns] / (n_columns - np.arange(n_columns))


def _beat_lags(spectrum: np.ndarray, column_seconds: float) -> np.ndarray:
    """The part of a beat spectrum that is about beats: 0.12 to 4.75 s, and at most half the sound."""
    first = max(1, round(_BEAT_SECONDS[0] / column_seconds))
    last = min(round(_BEAT_SECONDS[1] / column_seconds), len(spectrum) // 2)
    return spectrum[first : max(last, first + 1)]


def beat_spectrum_cosine(spectrum: np.ndarray, reference: np.ndarray, column_seconds: float) -> float:
    """Cosine between two beat spectra less their means, from 0.12 to 4.75 s [-1 .. 1] (Foote, Cooper and Nam 2002)."""
    return _angle(_beat_lags(spectrum, column_seconds), _beat_lags(reference, column_seconds))


def contrast(spectrum: np.ndarray, column_seconds: float) -> float:
    """How far the highest local maximum of a beat spectrum stands above its median [0 .. 2]; "no solid beat" is small.

    A difference and not the quotient: the median of this spectrum is near 0.
    """
    import scipy.signal

    beats = _beat_lags(spectrum, column_seconds)
    peaks, _ = scipy.signal.find_peaks(beats)
    return float(beats[peaks].max() - np.median(beats)) if len(peaks) else 0.0


def onset_envelope(sound: Sound) -> np.ndarray:
    """Strength of onsets at each column, ``(n_columns,)``: the mean rise of a mel spectrogram in dB (librosa)."""
    import librosa

    level = float(np.sqrt(np.mean(sound.samples**2)))
    samples = (sound.samples / level).astype(np.float64) if level > 0 else sound.samples
    return librosa.onset.onset_strength(y=samples, sr=sound.sample_rate, hop_length=sound.hop).astype(np.float64)


def _tempo_lags(n_columns: int, column_seconds: float) -> tuple[int, int]:
    """First and last lag, in columns, of the tempi that are looked for."""
    first = max(1, int(np.ceil(60 / _BPM[1] / column_seconds)))
    return first, min(int(60 / _BPM[0] / column_seconds), n_columns // 2)


def repetition(envelope: np.ndarray) -> np.ndarray:
    """Autocorrelation of an envelope less its mean, 1 at lag 0, ``(n_columns,)``; all 0 for a constant one."""
    import scipy.signal

    swing = envelope - envelope.mean()
    energy = float(swing @ swing)
    if energy <= 1e-20 * max(float(envelope @ envelope), 1e-300):
        return np.zeros(len(envelope))
    return scipy.signal.correlate(swing, swing, method="fft")[len(swing) - 1 :] / energy


def _tempo_peaks(envelope: np.ndarray, column_seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Repetition of an envelope, and its positive local maxima at lags of tempi."""
    import scipy.signal

    repeats = repetition(envelope)
    first, last = _tempo_lags(len(envelope), column_seconds)
    peaks, _ = scipy.signal.find_peaks(repeats[: last + 2])
    return repeats, peaks[(peaks >= first) & (peaks <= last) & (repeats[peaks] > 0)]


def pulse_clarity(envelope: np.ndarray, column_seconds: float) -> float:
    """Highest repetition of the onset envelope at any tempo [0 .. 1] (Lartillot et al. 2008)."""
    validate(envelope, column_seconds)
    repeats, peaks = _tempo_peaks(envelope, column_seconds)
    return float(repeats[peaks].max()) if len(peaks) else 0.0


def tempi(envelope: np.ndarray, column_seconds: float) -> tuple[np.ndarray, float]:
    """Return the two strongest tempi of an onset envelope and the weight of the slower one.

    The strengths are the envelope's repetition at its local maxima, times a log-normal weight around
    120 BPM (librosa's); a parabola gives the fraction of a lag.  Two tempi differ by more than the
    tolerance.

    Returns
    -------
    tuple
        ``(bpm, weight)``: ``(2,)`` with the slower first, 0 for a tempo that is not there; and the
        slower one's share of both strengths [0 .. 1], the form of ``mir_eval.tempo``.
    """
    validate(envelope, column_seconds)
    repeats, peaks = _tempo_peaks(envelope, column_seconds)
    bpm = np.array([60 / (refine_peak(repeats, int(peak)) * column_seconds) for peak in peaks])
    strength = repeats[peaks] * np.exp(-0.5 * np.log2(bpm / _USUAL_BPM) ** 2)
    if not len(bpm):
        return np.zeros(2), 0.0
    best = int(np.argmax(strength))
    others = np.abs(bpm - bpm[best]) > TOLERANCE * bpm[best]
    if not others.any():
        return np.array([0.0, bpm[best]]), 0.0
    second = int(np.argmax(np.where(others, strength, -1.0)))
    slow, fast = sorted((best, second), key=lambda index: float(bpm[index]))
    return bpm[[slow, fast]], float(strength[slow] / (strength[slow] + strength[fast]))


def main_tempo(pair: np.ndarray, weight: float) -> float:
    """Return the stronger of two tempi as :func:`tempi` gives them, 0 if there is none."""
    return float(pair[0] if weight > 0.5 else pair[1])


def tempo_matches(bpm: float, reference: float) -> float:
    """1 if a tempo is within 8 % of the reference, its half or its double, else 0; NaN without a reference.

    Gouyon et al. 2006 also forgive thirds; those would forgive 152 for 50.

    Examples
    --------
    Half, twice or a third of a tempo count as the same beat:

    >>> tempo_matches(80.0, 160.0), tempo_matches(100.0, 160.0)
    (1.0, 0.0)
    """
    if not reference > 0:
        return float("nan")
    return float(any(abs(bpm - factor * reference) <= TOLERANCE * factor * reference for factor in (0.5, 1.0, 2.0)))


def p_score(reference: tuple[np.ndarray, float], estimated: np.ndarray) -> float:
    """MIREX's tempo score: the weight of those of the two reference tempi that are among the estimated ones.

    Computed by ``mir_eval.tempo.detection`` with its tolerance of 8 %; NaN without a reference tempo.
    """
    import mir_eval

    bpm, weight = reference
    if not bpm.any():
        return float("nan")
    score, _, _ = mir_eval.tempo.detection(bpm, weight, estimated, tol=TOLERANCE)
    return float(score)


def mean_tempogram(envelope: np.ndarray, sound: Sound) -> np.ndarray:
    """Local autocorrelation of an onset envelope, averaged over time, at the lags of 30 to 300 BPM (librosa)."""
    import librosa

    first, last = _tempo_lags(len(envelope), sound.column_seconds)
    # A window of almost 9 s, or the sound: every tempo fits in it four times and more.
    window = min(len(envelope), 4 * int(60 / _BPM[0] / sound.column_seconds) + 80)
    tempogram = librosa.feature.tempogram(
        onset_envelope=envelope, sr=sound.sample_rate, hop_length=sound.hop, win_length=window
    )
    return tempogram.mean(axis=1)[first : last + 1]


def _angle(spectrum: np.ndarray, reference: np.ndarray) -> float:
    """Cosine after each curve's mean is taken away: of the raw curves it is above 0.95 for any two clips."""
    return cosine(spectrum - spectrum.mean(), reference - reference.mean())


def evaluate(output: Sound, content: Sound, style: Sound) -> "OrderedDict[str, float]":
    """Return every number of this module for one output."""
    sounds = {"output": output, "style": style, "content": content}
    seconds = output.column_seconds
    beats = {name: beat_spectrum(sound.mel) for name, sound in sounds.items()}
    envelopes = {name: onset_envelope(sound) for name, sound in sounds.items()}
    tempograms = {name: mean_tempogram(envelopes[name], sound) for name, sound in sounds.items()}
    pairs = {name: tempi(envelope, seconds) for name, envelope in envelopes.items()}
    bpm = main_tempo(*pairs["output"])
    scores: OrderedDict[str, float] = OrderedDict()
    for name in ("style", "content"):
        scores[f"beat_spectrum_cosine_{name}"] = beat_spectrum_cosine(beats["output"], beats[name], seconds)
    scores["beat_spectrum_contrast"] = contrast(beats["output"], seconds)
    for name in ("style", "content"):
        scores[f"tempogram_cosine_{name}"] = _angle(tempograms["output"], tempograms[name])
    scores["tempo_bpm"] = bpm
    for name in ("style", "content"):
        scores[f"tempo_matches_{name}"] = tempo_matches(bpm, main_tempo(*pairs[name]))
    for name in ("style", "content"):
        scores[f"tempo_p_score_{name}"] = p_score(pairs[name], pairs["output"][0])
    scores["pulse_clarity"] = pulse_clarity(envelopes["output"], seconds)
    return scores
