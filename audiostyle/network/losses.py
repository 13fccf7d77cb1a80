"""The losses as Theano expressions: content, style, total variation, row and column autocorrelation.

Conventions
-----------
An activation is ``(1, channels, height, width)``; sizes are static, so that every denominator is a
number and not a symbol (on a GPU a symbolic one would stay an int64, which OpenCL refuses).  Losses
are not weighted.  Sums of float32 activations are float32; the style and autocorrelation losses are
float64 after their division, as in the authors' code on a CPU (T18).
"""

from typing import Any

import numpy as np
import theano.tensor as T

from audiostyle.network.autocorrelation import SpectralDistance, power_spectrum, transform_length

__all__ = [
    "autocorrelation_loss",
    "autocorrelation_spectra",
    "content_loss",
    "gram_matrix",
    "style_loss",
    "total_variation_loss",
]

Shape = tuple[int, int, int, int]


def content_loss(activation: Any, target: Any) -> Any:
    """Half the squared difference of two activations (paper, section 3; losses.py:15)."""
    return _number(0.5, activation.dtype) * T.sqr(activation - target).sum()


def gram_matrix(activation: Any, shape: Shape) -> Any:
    """Products of all pairs of channels, summed over positions, ``(channels, channels)``.

    Examples
    --------
    >>> activation = np.array([[[[1.0, 2.0]], [[3.0, 4.0]]]])
    >>> gram_matrix(activation, activation.shape)
    array([[ 5., 11.],
           [11., 25.]])
    """
    _, channels, height, width = shape
    matrix = activation.reshape((channels, height * width))
    return matrix.dot(matrix.T)


def style_loss(activation: Any, target: Any, shape: Shape) -> Any:
    """Squared difference of Gram matrices over 4 N^2 M^2 (paper, section 3; losses.py:18-24).

    Parameters
    ----------
    activation : Theano variable of the given `shape`
    target : Theano variable ``(channels, channels)``
        Gram matrix of the style clip's activation.
    shape : (1, channels, height, width)
        N is the number of channels, M the number of positions.
    """
    _, channels, height, width = shape
    positions = height * width
    return _number(1 / (4 * channels**2 * positions**2)) * T.sqr(gram_matrix(activation, shape) - target).sum()


def total_variation_loss(image: Any, exponent: float) -> Any:
    """Sum of ``(dx^2 + dy^2) ** exponent`` over pixels that have both neighbours (D3; losses.py:64)."""
    corner = image[:, :, :-1, :-1]
    squares = T.sqr(corner - image[:, :, 1:, :-1]) + T.sqr(corner - image[:, :, :-1, 1:])
    return (squares ** _number(exponent, image.dtype)).sum()


def autocorrelation_spectra(activation: Any, shape: Shape, axis: str, *, mean: str, on_cpu: bool = True) -> Any:
    """Power spectra that stand for the full autocorrelations of all rows or columns.

    Parameters
    ----------
    activation : Theano variable of the given `shape`
    shape : (1, channels, height, width)
    axis : {'row', 'column'}
        The direction of the lag: along a row (over the width) or a column (over the height).
    mean : {'kept', 'removed'}
        Whether each row keeps its mean (D9, T23).
    on_cpu : bool

    Returns
    -------
    Theano variable ``(lines, length // 2 + 1)``
    """
    _, channels, height, width = shape
    if axis == "row":
        lines, n = activation.reshape((channels * height, width)), width
    else:
        lines, n = activation.dimshuffle(0, 1, 3, 2).reshape((channels * width, height)), height
    if mean == "removed":
        lines = lines - lines.sum(axis=1, keepdims=True) * _number(1 / n, activation.dtype)
    return power_spectrum(lines, n, on_cpu)


def autocorrelation_loss(
    activation: Any, target: Any, shape: Shape, axis: str, *, mean: str, normaliser: float, on_cpu: bool = True
) -> Any:
    """Squared difference of full autocorrelations, summed over lags and lines (losses.py:27-61).

    Parameters
    ----------
    activation, shape, axis, mean, on_cpu
        As :func:`autocorrelation_spectra` takes them.
    target : Theano variable ``(lines, length // 2 + 1)``
        As :func:`autocorrelation_spectra` returns it.
    normaliser : float
        What the sum is divided by: channels * height * width (D9).
    """
    length = transform_length(shape[3] if axis == "row" else shape[2])
    if on_cpu:
        distance = SpectralDistance(axis, length, mean)(activation, target)[0]
    else:
        squares = T.sqr(autocorrelation_spectra(activation, shape, axis, mean=mean, on_cpu=False) - target)
        # Of a real line's spectrum all frequencies but the first and the last stand for two.
        twice = squares.sum(dtype="float64") * _number(2.0) - squares[:, 0].sum(dtype="float64")
        distance = twice - squares[:, -1].sum(dtype="float64")
    return distance * _number(1 / (length * normaliser))


def _number(value: float, dtype: str = "float64") -> Any:
    """Return a constant of an exact type, whatever the user's floatX and casting flags say."""
    return T.constant(np.asarray(value, dtype=dtype))
