"""Rows of the result with the levels of the style's (T26)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose

from audiostyle.audio.row_levels import with_row_levels
from audiostyle.audio.stuck_rows import stuck_rows
from audiostyle.pipeline import analyse_samples, read_back, synthesise
from audiostyle.settings import Settings

LEVELS = st.floats(-4, 0, width=32)


def naive(values, model):
    rows = []
    for row, other in zip(values.tolist(), model.tolist(), strict=True):
        mean, wanted = sum(row) / len(row), sum(other) / len(other)
        deviation = (sum((level - mean) ** 2 for level in row) / len(row)) ** 0.5
        spread = (sum((level - wanted) ** 2 for level in other) / len(other)) ** 0.5
        rows.append([wanted + (level - mean) * (spread / deviation if deviation else 0) for level in row])
    return np.clip(rows, model.min(), model.max())


@given(hnp.arrays("float32", (3, 7), elements=LEVELS), hnp.arrays("float32", (3, 5), elements=LEVELS))
def test_it_is_what_a_loop_makes(values, model):
    found = with_row_levels(values, model)
    assert (found.dtype, found.shape) == (values.dtype, values.shape)
    # Rows that vary by rounding alone may be stretched to anything in range.
    steady = values.std(axis=1) > 1e-3
    assert_allclose(found[steady], naive(values, model)[steady], atol=2e-3)
    assert found.min() >= model.min()
    assert found.max() <= model.max()


def test_rows_get_mean_and_deviation():
    random = np.random.RandomState(0)
    values = random.uniform(-3, -2, (4, 500))
    model = random.uniform(-2, -1, (4, 300)) * np.array([[1], [0.7], [0.8], [0.9]])
    found = with_row_levels(values, model)
    assert_allclose(found.mean(axis=1), model.mean(axis=1), atol=0.02)
    assert_allclose(found.std(axis=1), model.std(axis=1), rtol=0.05)
    assert_allclose(with_row_levels(values.T, model.T, time_axis=-2), found.T)


def test_what_varies_within_a_row_keeps_its_course():
    values = np.cumsum(np.random.RandomState(1).standard_normal((5, 200)), axis=1)
    model = 10 * np.random.RandomState(2).standard_normal((5, 200))
    for row, was in zip(with_row_levels(values, model), values, strict=True):
        assert np.corrcoef(row, was)[0, 1] > 0.99


def noise(seed):
    return np.random.RandomState(seed).standard_normal(22050)


@pytest.mark.parametrize(("orientation", "time"), [("time_rows", 0), ("time_columns", 1)])
def test_rows_of_a_spectrogram_are_its_frequencies(orientation, time):
    settings = Settings(representation="spectrogram", spec_zoom=1, spec_orientation=orientation, row_levels="style")
    content, style = (analyse_samples(noise(seed) * (1 + seed), noise(seed), settings) for seed in (0, 1))
    found = read_back(content.tensor, content, style, settings)[0]
    assert_allclose(found.mean(time), style.values.mean(time), atol=0.02)


def test_a_stuck_row_is_not_heard():
    kept, levelled = Settings(inversion_iterations=1), Settings(inversion_iterations=1, row_levels="style")
    content, style = (analyse_samples(noise(seed), noise(seed), kept) for seed in (0, 1))
    tensor = content.tensor.copy()
    tensor[:, :, 50] += 60
    found = [synthesise(tensor, content, style, settings).values for settings in (kept, levelled)]
    assert [stuck_rows(values)[1] for values in found] == [1, 0]
