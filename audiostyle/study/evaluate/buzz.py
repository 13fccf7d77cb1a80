"""Buzz: rows that are too bright all the time (Figure 3 c), and the lines they leave in the spectrum.

Metrics
-------
* :func:`~audiostyle.audio.stuck_rows.stuck_rows` -- the excess that a row keeps for nine tenths of
  the time, in dB; every transfer measures its own result by it
* :func:`variation_ratio` -- the loudest such row's coefficient of variation beside its neighbours'
* :func:`line_energy` -- from the samples, without the mel image: the share of the long-term spectrum,
  flattened, that stands in lines
"""

from collections import OrderedDict

import numpy as np

from audiostyle.audio.stuck_rows import neighbours, row_excess, stuck_rows, validate
from audiostyle.study.evaluate.sounds import Sound

__all__ = ["evaluate", "line_energy", "row_excess", "stuck_rows", "validate", "variation_ratio"]

# Below, partials of bass notes are lines; above, nothing is left of the band-pass and the mel filters.
_LINE_HERTZ = (200.0, 9000.0)
_LINE_WIDTH_HERTZ = 800.0
_LINE_FACTOR = 4.0
_SEGMENT = 4096


def variation_ratio(mel: np.ndarray, row: int, floor: float) -> float:
    """Coefficient of variation in time of a row over the median one of its neighbours [0 ..].

    Of the grey level, that is of the log magnitude above the floor.  Below 1 for a row that is
    steadier than its neighbours.
    """
    validate(mel)
    with np.errstate(divide="ignore", invalid="ignore"):
        variation = mel.std(axis=1) / (mel - floor).mean(axis=1)
        around = np.median(variation[neighbours(row, len(mel))])
        return float(variation[row] / around) if np.isfinite(around) and around > 0 else float("nan")


def line_energy(samples: np.ndarray, sample_rate: int) -> float:
    """Share of the flattened long-term spectrum that stands in lines [0 .. 1].

    Welch's power spectrum in bins of about 5 Hz, over its running median of 800 Hz: 1 wherever the
    spectrum is smooth, however steep.  Of its sum from 200 Hz to 9 kHz, the part above 4 (6 dB).
    """
    import scipy.ndimage
    import scipy.signal

    size = min(_SEGMENT, len(samples))
    hertz, power = scipy.signal.welch(samples, sample_rate, nperseg=size)
    width = max(3, round(_LINE_WIDTH_HERTZ / hertz[1]) | 1)
    level = scipy.ndimage.median_filter(power, width, mode="nearest")
    used = (hertz >= _LINE_HERTZ[0]) & (hertz <= min(_LINE_HERTZ[1], 0.41 * sample_rate))
    # A spectrum that is nothing but lines has a level of zero, or of rounding, between them.
    flat = power[used] / np.maximum(level[used], 1e-12 * power.max() + 1e-300)
    return float(np.sum(np.maximum(flat - _LINE_FACTOR, 0.0)) / np.sum(flat)) if flat.any() else float("nan")


def evaluate(output: Sound, content: Sound, style: Sound) -> "OrderedDict[str, float]":
    """Return every number of this module for one output; content and style play no part."""
    index, count, row = stuck_rows(output.mel)
    scores: OrderedDict[str, float] = OrderedDict()
    scores["stuck_row_index_db"] = index
    scores["stuck_row_count"] = float(count)
    scores["stuck_row_variation_ratio"] = variation_ratio(output.mel, row, output.floor)
    scores["line_energy"] = line_energy(output.samples, output.sample_rate)
    return scores
