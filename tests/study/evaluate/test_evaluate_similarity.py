import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from audiostyle.study.evaluate.similarity import aligned, centred, cosine, pearson, refine_peak, sliding_correlation

matrices = arrays(np.float64, (3, 12), elements=st.floats(-10, 10, width=32))


@given(matrices, matrices)
def test_pearson_is_numpys(a, b):
    value = pearson(a, b)
    if min(np.std(a), np.std(b)) < 1e-4:
        return
    assert value == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1], abs=1e-9)


def test_what_is_not_defined_is_nan_without_a_warning(recwarn):
    rising = np.arange(5.0)
    assert np.isnan(pearson(np.full(5, 3.3), rising))
    assert np.isnan(cosine(np.zeros(5), rising))
    assert not recwarn.list


def test_centred_takes_each_rows_mean():
    np.testing.assert_allclose(centred(np.array([[1.0, 3.0], [5.0, 5.0]])), [[-1, 1], [0, 0]])


@pytest.mark.parametrize("lag", [-3, 0, 2])
def test_aligned_columns_are_lag_apart(lag):
    columns = np.tile(np.arange(20), (2, 1))
    mine, theirs = aligned(columns, columns, lag, 4)
    assert mine.shape == theirs.shape == (2, 12)
    assert (theirs - mine == lag).all()


@settings(max_examples=30)
@given(
    arrays(np.float64, (2, 9), elements=st.floats(-5, 5, width=16)),
    arrays(np.float64, (2, 13), elements=st.floats(-5, 5, width=16)),
    st.integers(1, 9),
)
def test_sliding_correlation_against_loops(a, b, least):
    lags, values = sliding_correlation(a, b, least)
    expected = {}
    for lag in range(-9, 14):
        pairs = [(j, j + lag) for j in range(9) if 0 <= j + lag < 13]
        if len(pairs) < least:
            continue
        x = np.array([a[:, j] for j, _ in pairs])
        y = np.array([b[:, k] for _, k in pairs])
        silent = any(np.sum(part**2) <= 1e-12 * np.sum(whole**2) for part, whole in ((x, a), (y, b)))
        expected[lag] = 0.0 if silent else np.sum(x * y) / np.sqrt(np.sum(x**2) * np.sum(y**2))
    assert list(lags) == list(expected)
    np.testing.assert_allclose(values, list(expected.values()), atol=1e-6)


def test_a_parabola_finds_the_peak_between_samples():
    assert refine_peak(-((np.arange(9) - 4.3) ** 2), 4) == pytest.approx(4.3)
    assert refine_peak(np.array([3.0, 2.0, 1.0]), 0) == 0
    assert refine_peak(np.array([1.0, 1.0, 1.0]), 1) == 1


def test_what_is_next_to_silent_correlates_with_nothing():
    # Beside a million, the running sums of energy have no digits left for the faint end of `a`.
    a = np.concatenate([1e6 * np.ones(10), 0.035 * np.ones(5)])[None]
    b = np.arange(1.0, 11.0)[None]
    lags, values = sliding_correlation(a, b, 5)
    assert values[np.flatnonzero(lags == -10)] == 0
    assert np.abs(values[lags > -10]).min() > 0.1
