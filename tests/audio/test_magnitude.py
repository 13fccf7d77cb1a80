"""Magnitudes of complex numbers: of numpy 1.23, whichever numpy is installed."""

import numpy as np

from audiostyle.audio.magnitude import magnitude


def test_magnitudes_are_those_of_numpy_1_23():
    draw = np.random.RandomState(0).standard_normal
    values = draw((40, 33)) + 1j * draw((40, 33))
    for part in (values, values[:, :-1], values.T):
        found = magnitude(part)
        np.testing.assert_allclose(found, np.abs(part), rtol=3e-16)
        # Either hypot's bits or, on AVX-512, those of numpy's own kernel.
        assert np.array_equal(found, np.hypot(part.real, part.imag)) or np.array_equal(found, np.abs(part))
    assert magnitude(np.array([3 + 4j]))[0] == 5
