"""Logarithms are the right ones, rounded once."""

from decimal import Decimal, localcontext

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from audiostyle.audio.log10 import log10


@given(st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=50))
def test_no_logarithm_is_more_than_half_a_unit_off(values):
    with localcontext() as context:
        context.prec = 40
        for value, found in zip(values, log10(np.array(values)).tolist(), strict=True):
            unit = Decimal(float(np.spacing(abs(found))))
            assert abs(Decimal(found) - Decimal(value).log10()) <= unit * Decimal("0.501")


def test_nothing_and_what_is_no_number():
    np.testing.assert_array_equal(log10(np.array([[0.0, np.nan], [np.inf, 1.0]])), [[-np.inf, np.nan], [np.inf, 0.0]])
