"""A style of another length is taken as if it went on for as long as the image."""

import numpy as np
import pytest

from audiostyle.network.start import start_theano

start_theano()

from audiostyle.network.autocorrelation import transform_length  # noqa: E402
from audiostyle.network.fitting import fit_gram, fit_spectra  # noqa: E402

CHANNELS = 2


def spectra_of(activation, axis):
    lines = activation[0] if axis == "row" else activation[0].swapaxes(1, 2)
    n = lines.shape[2]
    return np.abs(np.fft.rfft(lines.reshape(-1, n), transform_length(n), axis=1)) ** 2


def naive_spectra(activation, ours, axis):
    """From lags, one by one, and the definition of a spectrum."""
    lines = activation[0] if axis == "row" else activation[0].swapaxes(1, 2)
    theirs, n = lines.shape[2], ours[3] if axis == "row" else ours[2]
    count = ours[2] if axis == "row" else ours[3]
    length = transform_length(n)
    frequencies = 2 * np.pi * np.arange(length // 2 + 1) / length
    found = []
    for channel in lines:
        for moment in range(count):
            line = channel[moment % len(channel)]
            spectrum = np.zeros(len(frequencies))
            for lag in range(min(theirs, n)):
                value = np.dot(line[: theirs - lag], line[lag:]) * n / theirs
                spectrum += value * np.cos(lag * frequencies) * (2 if lag else 1)
            found.append(spectrum)
    return np.array(found)


@pytest.mark.parametrize("axis", ["row", "column"])
@pytest.mark.parametrize(
    ("theirs", "ours"), [((5, 9), (5, 14)), ((5, 14), (5, 9)), ((9, 4), (13, 4)), ((6, 3), (2, 3))]
)
def test_spectra_are_those_of_the_lags(axis, theirs, ours):
    theirs, ours = (1, CHANNELS, *theirs), (1, CHANNELS, *ours)
    activation = np.random.RandomState(0).standard_normal(theirs)
    found = fit_spectra(spectra_of(activation, axis), theirs, ours, axis)
    np.testing.assert_allclose(found, naive_spectra(activation, ours, axis), rtol=1e-9, atol=1e-9)


def test_a_style_that_repeats_itself_is_its_own_target():
    """Twice as long, the same sound has the same Gram matrix a position."""
    activation = np.random.RandomState(0).standard_normal((1, CHANNELS, 4, 6))
    longer = np.concatenate([activation, activation], axis=3)
    one, other = (np.einsum("bihw,bjhw->ij", each, each) for each in (activation, longer))
    np.testing.assert_allclose(fit_gram(one, activation.shape, longer.shape), other)
    np.testing.assert_allclose(fit_gram(other, longer.shape, activation.shape), one)
    columns = [spectra_of(each, "column") for each in (activation, longer)]
    np.testing.assert_allclose(fit_spectra(columns[0], activation.shape, longer.shape, "column"), columns[1])


def test_the_same_length_is_left_alone():
    shape, matrix, spectra = (1, CHANNELS, 4, 6), np.eye(CHANNELS, dtype="float32"), np.ones((8, 7), "float32")
    assert fit_gram(matrix, shape, shape) is matrix
    assert fit_spectra(spectra, shape, shape, "row") is spectra
