"""Power spectra as a Theano Op: autocorrelations without a lag, a scan or a convolution.

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

__all__ = ["PowerSpectrum", "power_spectrum", "transform_length"]


def transform_length(n: int) -> int:
    """Return an even length of at least ``2 * n - 1`` for which the FFT is fast."""
    length: int = scipy.fft.next_fast_len(2 * n - 1, real=True)
    while length % 2:
        length = scipy.fft.next_fast_len(length + 1, real=True)
    return length


class PowerSpectrum(theano.gof.Op):
    """Power spectrum of every row of a matrix.

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

    def grad(self, inputs: list[Any], output_gradients: list[Any]) -> list[Any]:
        """Return the gradient for the rows."""
        return [PowerSpectrumGradient(self.length)(inputs[0], output_gradients[0])]


class PowerSpectrumGradient(theano.gof.Op):
    """Gradient of :class:`PowerSpectrum`: rows ``(n_rows, n)`` and weights ``(n_rows, length // 2 + 1)``.

    With X the transform of a row x and g the weights, d(sum g |X|^2)/dx_k = 2 Re sum_f g_f X_f
    exp(2 pi i f k / length) over the frequencies that are kept: an inverse real transform of g X in
    which the frequencies that occur once (0 and length / 2) count twice as much.
    """

    __props__ = ("length",)

    def __init__(self, length: int) -> None:
        self.length = length

    def make_node(self, rows: Any, weights: Any) -> Any:
        """Return the Apply node."""
        rows, weights = T.as_tensor_variable(rows), T.as_tensor_variable(weights)
        return theano.gof.Apply(self, [rows, weights], [rows.type()])

    def perform(self, node: Any, inputs: list[np.ndarray], outputs: list[list[Any]]) -> None:
        """Compute the gradient with one transform each way."""
        rows, weights = inputs
        spectrum = scipy.fft.rfft(rows, self.length, axis=1, workers=-1)
        spectrum *= weights
        spectrum[:, [0, -1]] *= 2
        back = scipy.fft.irfft(spectrum, self.length, axis=1, workers=-1, overwrite_x=True)
        gradient = back[:, : rows.shape[1]] * rows.dtype.type(self.length)
        outputs[0][0] = np.ascontiguousarray(gradient)

    def infer_shape(self, node: Any, shapes: list[Any]) -> list[Any]:
        """Return the shape of the rows."""
        return [shapes[0]]


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
