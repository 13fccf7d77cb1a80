"""Figure 4's curve: how a picture resembles itself some time (or some frequencies) later.

The curve is the mean over rows of the derivative of each row's autocorrelation, from lag 0 up (T22).
Rows run along time there, whichever way the network's image lies: in the released spectrogram mode
time runs down the image, and the authors' plots make up for it while their loss does not (D7).
"""

import numpy as np

from audiostyle.audio.representation import time_axis
from audiostyle.settings import Settings

__all__ = ["DIRECTIONS", "autocorrelation_curve", "autocorrelation_derivative", "direction_axis"]

#: Along time, and along frequency.
DIRECTIONS = ("row", "column")

# Complex numbers held at once; conv1_1 of a large spectrogram would take gigabytes.
_BLOCK = 2**21


def direction_axis(direction: str, settings: Settings) -> int:
    """Return the axis of an image, or of a layer's activation, that `direction` runs along.

    Parameters
    ----------
    direction : {'row', 'column'}
        Along time, or along frequency.
    settings : Settings
        ``representation`` and ``spec_orientation`` (D7).

    Returns
    -------
    int
        -1 or -2.
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"{direction!r} is neither 'row' nor 'column'")
    along_time = time_axis(settings)
    return along_time if direction == "row" else -3 - along_time


def autocorrelation_curve(values: np.ndarray, direction: str, settings: Settings) -> np.ndarray:
    """Return Figure 4's curve of values in the orientation of the network's image.

    Parameters
    ----------
    values : numpy.ndarray ``(..., height, width)``
        De-quantised values as :func:`audiostyle.audio.representation.spectrogram_to_values` returns them, or a
        layer's activation ``(1, channels, height, width)``.
    direction : {'row', 'column'}
        Along time, or along frequency.
    settings : Settings

    Returns
    -------
    numpy.ndarray ``(n - 1,)``
        See :func:`autocorrelation_derivative`.
    """
    return autocorrelation_derivative(values, direction_axis(direction, settings))


def autocorrelation_derivative(matrix: np.ndarray, axis: int) -> np.ndarray:
    """Return the mean derivative of the autocorrelations along one axis (T22).

    Of each line x along `axis`, with n values, it takes the second half of the full
    autocorrelation, r[k] = sum over i of x[i] x[i + k] for k = 0 ... n - 1, and of that the
    differences r[k + 1] - r[k]; the mean of these over all lines is the curve.

    Parameters
    ----------
    matrix : numpy.ndarray ``(..., height, width)``
        One or more matrices, such as the channels of a layer.
    axis : {-1, -2}
        -1 for rows, -2 for columns.

    Returns
    -------
    numpy.ndarray of float64 ``(n - 1,)``
        Number k is the step from lag k to lag k + 1.

    Notes
    -----
    Mean and differences are linear, so the power spectra are averaged and one inverse transform is
    done for all lines together.
    """
    if axis not in (-1, -2):
        raise ValueError(f"axis is {axis}, but it must be -1 (rows) or -2 (columns)")
    lines = np.moveaxis(np.asarray(matrix), axis, -1)
    n = lines.shape[-1]
    lines = lines.reshape(-1, n)
    # Padded to at least 2 n - 1, or the ends of a line would meet.
    length = 1 << (2 * n - 1).bit_length()
    power = np.zeros(length // 2 + 1)
    for start in range(0, len(lines), step := max(1, _BLOCK // length)):
        spectra = np.fft.rfft(lines[start : start + step].astype(np.float64), length)
        power += (spectra.real**2 + spectra.imag**2).sum(axis=0)
    return np.diff(np.fft.irfft(power / max(len(lines), 1), length)[:n])
