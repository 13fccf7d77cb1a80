"""Row and column autocorrelation: the paper's own evidence (Figure 4), as numbers.

Conventions
-----------
A curve is what Figure 4 draws: the first difference of the autocorrelation at lags 0, 1, 2, ...,
averaged over the rows (or the columns) of a mel image; shape ``(n - 1,)`` for n columns (rows).
The first ``len // 40 + 1`` lags are left out everywhere, as the authors' plots leave them out of
their limits (viz.py; T22): they hold the steep fall from lag 0 and nothing of rhythm.

Metrics
-------
* :func:`correlation` -- does the curve have the reference's shape?
* :func:`normalised_error` -- does it have its values?
* :func:`amplitude_ratio`, :func:`swing_ratio` -- how large is it beside the reference's?
* :func:`repeating_lag` -- after how many columns does it repeat, and how clearly?

References
----------
P. Coleman, D. Penco and A. Porisky, Artistic Style Transfer for Music Data, 2017, section 4.3.
"""

from collections import OrderedDict

import numpy as np

from audiostyle.run.curves import autocorrelation_derivative
from audiostyle.study.evaluate.similarity import pearson, refine_peak
from audiostyle.study.evaluate.sounds import Sound

__all__ = [
    "amplitude_ratio",
    "correlation",
    "evaluate",
    "left_out",
    "normalised_error",
    "repeating_lag",
    "swing_ratio",
    "validate",
]


def validate(curve: np.ndarray, reference: np.ndarray) -> None:
    """Raise ValueError unless both are curves of one length with something left after the first lags."""
    if curve.ndim != 1 or curve.shape != reference.shape:
        raise ValueError(f"Two curves of equal length are needed, not {curve.shape} and {reference.shape}.")
    if len(curve) < left_out(curve) + 3:
        raise ValueError(f"A curve of {len(curve)} lags is too short to compare.")


def left_out(curve: np.ndarray) -> int:
    """Return how many of the first lags are left out: ``len // 40 + 1`` (viz.py)."""
    return len(curve) // 40 + 1


def correlation(curve: np.ndarray, reference: np.ndarray) -> float:
    """Pearson's r of two curves [-1 .. 1].

    Section 4.3 of Figure 4 c: "the periodicity in the output audio is close to that of the style
    input".  It asks for shape only: a curve of the same form but a tenth of the size has r = 1.
    """
    validate(curve, reference)
    first = left_out(curve)
    return pearson(curve[first:], reference[first:])


def normalised_error(curve: np.ndarray, reference: np.ndarray) -> float:
    """Root mean square difference over the reference's standard deviation [0 ..]; Figure 4 d, "matches very closely".

    0 for equal curves; 1 for the constant curve at the reference's mean; more for a curve at another level.
    """
    validate(curve, reference)
    first = left_out(curve)
    spread = float(np.std(reference[first:]))
    error = float(np.sqrt(np.mean((curve[first:] - reference[first:]) ** 2)))
    return error / spread if spread > 0 else float("nan")


def amplitude_ratio(curve: np.ndarray, reference: np.ndarray) -> float:
    """RMS of the curve over the RMS of the reference [0 ..]; section 4.3, "but with smaller amplitude".

    A curve has a level beside its oscillation, since rows are not freed of their mean (T23), and the
    level weighs heavily here; :func:`swing_ratio` looks at the oscillation only.
    """
    validate(curve, reference)
    first = left_out(curve)
    size = float(np.sqrt(np.mean(reference[first:] ** 2)))
    return float(np.sqrt(np.mean(curve[first:] ** 2))) / size if size > 0 else float("nan")


def swing_ratio(curve: np.ndarray, reference: np.ndarray) -> float:
    """Standard deviation of the curve over that of the reference [0 ..]: the amplitude one sees in Figure 4."""
    validate(curve, reference)
    first = left_out(curve)
    spread = float(np.std(reference[first:]))
    return float(np.std(curve[first:])) / spread if spread > 0 else float("nan")


def repeating_lag(curve: np.ndarray) -> tuple[float, float]:
    """Return the strongest period of a curve and how strongly it repeats.

    The curve of a sound with a beat swings once a beat.  Its period is the highest local maximum of
    its own (biased, normalised) autocorrelation after a straight line is taken away, between the
    lags left out and half the curve; a parabola gives the fraction of a column.

    Returns
    -------
    tuple of float
        ``(lag, strength)``, in lags (columns, for the row curve) and [-1 .. 1]; NaN and 0 if there is
        no maximum.

    Examples
    --------
    >>> curve = -np.cos(2 * np.pi * np.arange(400) / 50)
    >>> lag, strength = repeating_lag(curve)
    >>> round(lag)
    50
    """
    import scipy.signal

    first = left_out(curve)
    if len(curve) < first + 3:
        raise ValueError(f"A curve of {len(curve)} lags is too short to repeat.")
    swing = scipy.signal.detrend(curve[first:])
    energy = float(swing @ swing)
    if energy <= 1e-20 * float(curve @ curve):
        return float("nan"), 0.0
    repeats = scipy.signal.correlate(swing, swing, method="fft")[len(swing) - 1 :] / energy
    peaks, _ = scipy.signal.find_peaks(repeats[: len(repeats) // 2 + 1])
    peaks = peaks[peaks >= first]
    if not len(peaks):
        return float("nan"), 0.0
    best = int(peaks[np.argmax(repeats[peaks])])
    return refine_peak(repeats, best), float(repeats[best])


def evaluate(output: Sound, content: Sound, style: Sound) -> "OrderedDict[str, float]":
    """Return every number of this module for one output."""
    scores: OrderedDict[str, float] = OrderedDict()
    for name, axis in (("row", -1), ("column", -2)):
        curve, content_curve, style_curve = (
            autocorrelation_derivative(sound.mel, axis) for sound in (output, content, style)
        )
        scores[f"{name}_ac_r_style"] = correlation(curve, style_curve)
        scores[f"{name}_ac_r_content"] = correlation(curve, content_curve)
        scores[f"{name}_ac_nrmse_style"] = normalised_error(curve, style_curve)
        scores[f"{name}_ac_nrmse_content"] = normalised_error(curve, content_curve)
        scores[f"{name}_ac_amplitude_ratio"] = amplitude_ratio(curve, style_curve)
        scores[f"{name}_ac_swing_ratio"] = swing_ratio(curve, style_curve)
        if name == "row":
            lag, strength = repeating_lag(curve)
            scores["row_ac_lag_columns"] = lag
            scores["row_ac_lag_seconds"] = lag * output.column_seconds
            scores["row_ac_lag_strength"] = strength
    return scores
