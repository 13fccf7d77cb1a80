"""Targets of a style clip that is shorter or longer than the content: what each loss compares the image with.

The authors' clips have one length, and their formulas speak of one M, the number of positions.  Where the
style has another, M', its sums over positions are taken as if its sound went on for as long as the image:

- A Gram matrix is multiplied by M / M', which is the released formula with each matrix over its own M.
- An autocorrelation along time is multiplied by the quotient of the lengths in the same way, lag by lag; lags
  that only one of the two clips has are 0 in the target, or are left out of it.
- An autocorrelation across time has a line for every moment, and the style's moments begin anew at its end.
"""

import numpy as np
import scipy.fft

from audiostyle.network.autocorrelation import transform_length

__all__ = ["fit_gram", "fit_spectra"]

Shape = tuple[int, int, int, int]


def fit_gram(matrix: np.ndarray, theirs: Shape, ours: Shape) -> np.ndarray:
    """Return the Gram matrix of a clip as that of one with as many positions as the image.

    Parameters
    ----------
    matrix : np.ndarray ``(channels, channels)``
    theirs, ours : (1, channels, height, width)
        Shapes of the activation that it was taken from, and of the image's.
    """
    if theirs == ours:
        return matrix
    positions, wanted = (shape[2] * shape[3] for shape in (theirs, ours))
    fitted: np.ndarray = (matrix.astype(np.float64) * (wanted / positions)).astype(matrix.dtype)
    return fitted


def fit_spectra(spectra: np.ndarray, theirs: Shape, ours: Shape, axis: str) -> np.ndarray:
    """Return the power spectra of a clip as those of one that lasts as long as the image.

    Parameters
    ----------
    spectra : np.ndarray ``(lines, length // 2 + 1)``
        As :func:`audiostyle.network.losses.autocorrelation_spectra` gives them.
    theirs, ours : (1, channels, height, width)
        Shapes of the activation that they were taken from, and of the image's.
    axis : {'row', 'column'}
        The direction of the lag.

    Returns
    -------
    np.ndarray ``(lines, length // 2 + 1)``
        Of the image's numbers of lines and frequencies.
    """
    if theirs == ours:
        return spectra
    lag, across = (3, 2) if axis == "row" else (2, 3)
    channels, lines = ours[1], spectra.reshape(ours[1], theirs[across], -1)
    moments = np.arange(ours[across]) % theirs[across]
    if theirs[lag] != ours[lag]:
        lines = np.concatenate([_of_length(one, theirs[lag], ours[lag])[None] for one in lines])
    return np.ascontiguousarray(lines[:, moments].reshape(channels * ours[across], -1))


def _of_length(spectra: np.ndarray, theirs: int, ours: int) -> np.ndarray:
    """Return spectra ``(lines, frequencies)`` of lines of `ours` numbers instead of `theirs`."""
    known = min(theirs, ours)
    lags = scipy.fft.irfft(spectra.astype(np.float64), transform_length(theirs), axis=1)[:, :known] * (ours / theirs)
    length = transform_length(ours)
    whole = np.zeros((len(spectra), length))
    whole[:, :known] = lags
    whole[:, length - known + 1 :] = lags[:, :0:-1]
    return scipy.fft.rfft(whole, axis=1).real.astype(spectra.dtype)
