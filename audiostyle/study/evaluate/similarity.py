"""The few comparisons of vectors and matrices that the metrics are made of.

All of them return NaN, and warn of nothing, where they are not defined (a constant vector has no
correlation, a zero vector no angle).
"""

import numpy as np

__all__ = ["aligned", "centred", "cosine", "pearson", "refine_peak", "sliding_correlation"]

_SILENT = 1e-12


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation of all numbers of two arrays of equal shape.

    Examples
    --------
    >>> round(pearson(np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0])), 12)
    1.0
    >>> pearson(np.ones(3), np.arange(3.0))
    nan
    """
    return cosine(np.ravel(a) - np.mean(a), np.ravel(b) - np.mean(b))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of the angle between two arrays of equal shape, read as vectors.

    Examples
    --------
    >>> cosine(np.array([1.0, 0.0]), np.array([0.0, 2.0]))
    0.0
    """
    a, b = np.ravel(a), np.ravel(b)
    # Scaled first, so that squares neither overflow nor vanish, and what is constant up to rounding counts as zero.
    size = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    if not np.isfinite(size) or size <= 1e-24 * a.size:
        return float("nan")
    return float(np.clip(a @ b / size, -1.0, 1.0))


def centred(mel: np.ndarray) -> np.ndarray:
    """Take each row's mean from it: what is left is what changes in time, not the sound's colour."""
    return mel - mel.mean(axis=1, keepdims=True)


def aligned(output: np.ndarray, reference: np.ndarray, lag: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of `output` that every lag up to `most` leaves, and those of `reference` `lag` later."""
    n_columns = output.shape[1]
    return output[:, most : n_columns - most], reference[:, most + lag : n_columns - most + lag]


def sliding_correlation(a: np.ndarray, b: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Normalised cross-correlation of two matrices along time, at every lag with enough overlap.

    At each lag the sum of products over the overlap is divided by the root of the two energies in the
    overlap, so 1 means that one is a (louder) copy of the other there.

    Parameters
    ----------
    a, b : np.ndarray
        ``(n_rows, n_a)`` and ``(n_rows, n_b)``; centre them first, if they have a mean.
    least : int
        Columns that have to overlap [1 .. min(n_a, n_b)].

    Returns
    -------
    tuple of np.ndarray
        ``(lags, values)``, both ``(n_lags,)``; at lag k, column j of `a` meets column j + k of `b`.
    """
    import scipy.fft

    n_a, n_b = a.shape[1], b.shape[1]
    size = scipy.fft.next_fast_len(n_a + n_b - 1, real=True)
    spectrum = np.sum(scipy.fft.rfft(b, size, axis=1) * scipy.fft.rfft(a, size, axis=1).conj(), axis=0)
    lags = np.arange(least - n_a, n_b - least + 1)
    products = scipy.fft.irfft(spectrum, size)[lags % size]
    first, last = np.maximum(0, -lags), np.minimum(n_a, n_b - lags)
    energy_a, energy_b = (np.concatenate([[0.0], np.cumsum(np.sum(x**2, axis=0))]) for x in (a, b))
    here_a = energy_a[last] - energy_a[first]
    here_b = energy_b[last + lags] - energy_b[first + lags]
    # A stretch that is silent but for the rounding of these sums is nothing to compare.
    enough = (here_a > _SILENT * energy_a[-1]) & (here_b > _SILENT * energy_b[-1])
    values = np.zeros(len(lags))
    values[enough] = np.clip(products[enough] / np.sqrt(here_a[enough] * here_b[enough]), -1.0, 1.0)
    return lags, values


def refine_peak(values: np.ndarray, index: int) -> float:
    """Return where the parabola through a peak and its two neighbours is highest, as a fractional index.

    Examples
    --------
    >>> refine_peak(np.array([0.0, 1.0, 3.0, 3.0, 1.0]), 2)
    2.5
    """
    if not 0 < index < len(values) - 1:
        return float(index)
    before, peak, after = values[index - 1 : index + 2]
    bend = before - 2 * peak + after
    return index + 0.5 * float((before - after) / bend) if bend < 0 else float(index)
