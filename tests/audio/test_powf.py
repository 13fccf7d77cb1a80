"""Powers of ten in float32: those of the C library, whichever numpy is installed."""

import ctypes

import numpy as np

from audiostyle.audio.powf import power_of_ten, powf


def test_powers_are_those_of_the_c_library():
    function = ctypes.CDLL(None).powf
    function.restype, function.argtypes = ctypes.c_float, [ctypes.c_float] * 2
    exponents = np.random.RandomState(0).uniform(-4, 1, (50, 40)).astype("float32")
    expected = np.reshape([function(10, each) for each in exponents.ravel().tolist()], exponents.shape)
    # Whichever of numpy's and our own this numpy needs, and our own.
    for found in (power_of_ten(exponents), powf()(np.float32(10), exponents)):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)


def test_float64_stays_float64():
    np.testing.assert_array_equal(power_of_ten(np.array([-1.0, 2.0])), [0.1, 100.0])
