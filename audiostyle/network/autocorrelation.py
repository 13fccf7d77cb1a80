"""Power spectra as Theano Ops: autocorrelations without a lag, a scan or a convolution.

The full autocorrelation of n numbers, padded to L >= 2n - 1, has the power spectrum |F|^2 as its
discrete Fourier transform.  By Parseval's theorem the squared difference of two autocorrelations,
summed over all lags of both signs, is the squared difference of the two power spectra, summed over
all L frequencies, divided by L.  So neither loss nor gradient needs a lag, and the cost grows as
n log n, where the authors' convolutions (losses.py) grow as n^2.
"""

from typing import Any

import numpy as np
import scipy.fft
import theano
import theano.tensor as T

__all__ = ["PowerSpectrum", "SpectralDistance", "power_spectrum", "transform_length"]


def transform_length(n: int) -> int:
    """Return an even length of at least ``2 * n - 1`` for which the FFT is fast."""
    length: int = scipy.fft.next_fast_len(2 * n - 1, real=True)
    while length % 2:
        length = scipy.fft.next_fast_len(length + 1, real=True)
    return length


class PowerSpectrum(theano.gof.Op):
    """Power spectrum of every row of a matrix, for targets: it has no gradient.

    Input ``(n_rows, n)``, output ``(n_rows, length // 2 + 1)``: ``|rfft(row, length)| ** 2``.

    Parameters
    ----------
    length : int
        Length of the transform, even, at least ``2 * n - 1`` for an autocorrelation.
    """

    __props__ = ("length",)

    def __init__(self, length: int) -> None:
        self.length = length

    def make_node(self, rows: Any) -> Any:
        """Return the Apply node; `rows` is a matrix of float32 or float64."""
        rows = T.as_tensor_variable(rows)
        if rows.ndim != 2:
            raise TypeError(f"PowerSpectrum takes a matrix of rows, not {rows.type}.")
        return theano.gof.Apply(self, [rows], [T.TensorType(rows.dtype, (False, False))()])

    def perform(self, node: Any, inputs: list[np.ndarray], outputs: list[list[Any]]) -> None:
        """Compute the spectra with scipy's FFT, in the input's own precision."""
        spectrum = scipy.fft.rfft(inputs[0], self.length, axis=1, workers=-1)
        outputs[0][0] = spectrum.real**2 + spectrum.imag**2

    def infer_shape(self, node: Any, shapes: list[Any]) -> list[Any]:
        """Return ``(n_rows, length // 2 + 1)``."""
        return [(shapes[0][0], self.length // 2 + 1)]


class SpectralDistance(theano.gof.Op):
    """Squared distance of the power spectra of all rows or columns of an activation from a target.

    Inputs: activation ``(1, channels, height, width)`` and target spectra ``(lines, length // 2 + 1)``.
    Outputs: the distance, float64, summed over the frequencies of both signs, and its gradient for the
    activation.  The gradient comes with the distance because it needs the same transforms: with X the
    transform of a line and D the difference of spectra, it is 4 * length times the inverse transform of
    D X.  :mod:`audiostyle.network.onednn` replaces this Op by one that does the same ten times as fast.

    Parameters
    ----------
    axis : {'row', 'column'}
        Lines are rows or columns.
    length : int
        As :func:`transform_length` returns it.
    mean : {'kept', 'removed'}
        Whether each line keeps its mean.
    """

    __props__ = ("axis", "length", "mean")

    def __init__(self, axis: str, length: int, mean: str) -> None:
        self.axis, self.length, self.mean = axis, length, mean

    def make_node(self, activation: Any, target: Any) -> Any:
        """Return the Apply node."""
        activation, target = T.as_tensor_variable(activation), T.as_tensor_variable(target)
        if activation.ndim != 4 or target.ndim != 2:
            raise TypeError(f"SpectralDistance takes an activation and spectra, not {activation.type}, {target.type}.")
        return theano.gof.Apply(self, [activation, target], [T.dscalar(), activation.type()])

    def perform(self, node: Any, inputs: list[np.ndarray], outputs: list[list[Any]]) -> None:
        """Compute both with scipy's FFT, in the activation's precision."""
        activation, target = inputs
        planes = activation if self.axis == "row" else activation.swapaxes(2, 3)
        lines = planes.reshape(-1, planes.shape[3])
        share = activation.dtype.type(1 / lines.shape[1])
        if self.mean == "removed":
            lines = lines - lines.sum(axis=1, keepdims=True) * share
        spectrum = scipy.fft.rfft(lines, self.length, axis=1, workers=-1)
        difference = spectrum.real**2 + spectrum.imag**2 - target
        squares = np.square(difference)
        # Of a real line's spectrum all frequencies but the first and the last stand for two.
        distance = 2 * squares.sum(dtype="float64") - squares[:, [0, -1]].sum(dtype="float64")
        spectrum *= difference
        back = scipy.fft.irfft(spectrum, self.length, axis=1, workers=-1, overwrite_x=True)[:, : lines.shape[1]]
        gradient = back * activation.dtype.type(4 * self.length)
        if self.mean == "removed":
            gradient -= gradient.sum(axis=1, keepdims=True) * share
        gradient = gradient.reshape(planes.shape)
        outputs[0][0] = np.asarray(distance)
        outputs[1][0] = np.ascontiguousarray(gradient if self.axis == "row" else gradient.swapaxes(2, 3))

    def infer_shape(self, node: Any, shapes: list[Any]) -> list[Any]:
        """Return the shapes of a number and of the activation."""
        return [(), shapes[0]]

    def L_op(self, inputs: list[Any], outputs: list[Any], output_gradients: list[Any]) -> list[Any]:
        """Return the second output times the slope of whatever the distance is used for."""
        slope, second = output_gradients
        if not isinstance(second.type, theano.gradient.DisconnectedType):
            raise NotImplementedError("SpectralDistance has no second derivative.")
        slope = T.cast(slope, inputs[0].dtype).dimshuffle("x", "x", "x", "x")
        return [slope * outputs[1], theano.gradient.grad_not_implemented(self, 1, inputs[1])]


def power_spectrum(rows: Any, n: int, on_cpu: bool = True) -> Any:
    """Return the power spectra ``(n_rows, length // 2 + 1)`` of the rows of ``(n_rows, n)``.

    On the CPU by FFT.  On a GPU by two matrix products with a cosine and a sine matrix, which run on
    CUDA and OpenCL alike and differentiate by themselves, but whose size grows as n^2.
    """
    length = transform_length(n)
    if on_cpu:
        return PowerSpectrum(length)(rows)
    angles = 2 * np.pi / length * (np.outer(np.arange(n), np.arange(length // 2 + 1)) % length)
    cosines, sines = (T.constant(wave(angles).astype(rows.dtype)) for wave in (np.cos, np.sin))
    return T.sqr(T.dot(rows, cosines)) + T.sqr(T.dot(rows, sines))
