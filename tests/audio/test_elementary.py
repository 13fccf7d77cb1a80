"""Logarithms and cosines are the right ones, rounded once."""

import math
from decimal import Decimal, localcontext

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from audiostyle.audio.elementary import cos, log10


@given(st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=50))
def test_no_logarithm_is_more_than_half_a_unit_off(values):
    with localcontext() as context:
        context.prec = 40
        for value, found in zip(values, log10(np.array(values)).tolist(), strict=True):
            unit = Decimal(float(np.spacing(abs(found))))
            assert abs(Decimal(found) - Decimal(value).log10()) <= unit * Decimal("0.501")


def test_cosines_are_those_of_the_c_library():
    """Whose own are rounded right in all but one of thousands; the Hamming window's all are."""
    angles = 2 * np.pi * np.arange(2048) / 2047
    np.testing.assert_array_equal(cos(angles), [math.cos(angle) for angle in angles])


def test_nothing_and_what_is_no_number():
    np.testing.assert_array_equal(log10(np.array([[0.0, np.nan], [np.inf, 1.0]])), [[-np.inf, np.nan], [np.inf, 0.0]])
