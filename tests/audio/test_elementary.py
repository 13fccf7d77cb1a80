"""Logarithms and cosines are the right ones, rounded once."""

import math
from decimal import Decimal, localcontext

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from audiostyle.audio.elementary import cos, log10
from audiostyle.audio.spectrogram import hamming


@given(st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=50))
def test_no_logarithm_is_more_than_half_a_unit_off(values):
    with localcontext() as context:
        context.prec = 40
        for value, found in zip(values, log10(np.array(values)).tolist(), strict=True):
            unit = Decimal(float(np.spacing(abs(found))))
            assert abs(Decimal(found) - Decimal(value).log10()) <= unit * Decimal("0.501")


def test_the_window_has_the_cosines_of_the_c_library():
    """Whose own are rounded right in all but one of thousands, which adding 0.54 hides."""
    angles = 2 * np.pi * np.arange(2048) / 2047
    np.testing.assert_array_equal(hamming(2048), [0.54 - 0.46 * math.cos(angle) for angle in angles])
    np.testing.assert_allclose(cos(angles), np.cos(angles), rtol=1e-14, atol=1e-16)


def test_nothing_and_what_is_no_number():
    np.testing.assert_array_equal(log10(np.array([[0.0, np.nan], [np.inf, 1.0]])), [[-np.inf, np.nan], [np.inf, 0.0]])
