"""Figure 4's curve, against its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiostyle.run import curves
from audiostyle.run.curves import DIRECTIONS, autocorrelation_curve, autocorrelation_derivative, direction_axis
from audiostyle.settings import Settings

MEL = Settings()
RELEASED_SPECTROGRAM = Settings(representation="spectrogram")
UPRIGHT_SPECTROGRAM = Settings(representation="spectrogram", spec_orientation="time_columns")


def naive(matrix, axis):
    """T22 word by word: one line after the other, with numpy.correlate."""
    lines = np.moveaxis(np.asarray(matrix, dtype=np.float64), axis, -1)
    found = []
    for line in lines.reshape(-1, lines.shape[-1]):
        full = np.correlate(line, line, "full")
        found.append(np.diff(full[len(full) // 2 :]))
    return np.mean(found, axis=0)


def assert_close(found, wanted, matrix):
    # Rounding is that of the largest number in sight, the energy of a line.
    energy = float(np.max(np.sum(np.asarray(matrix, np.float64) ** 2, axis=(-1, -2)), initial=1e-300))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-13 * energy)


@settings(deadline=None, max_examples=80)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 70)),
    axis=st.sampled_from([-1, -2]),
    seed=st.integers(0, 1000),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_the_definition(shape, axis, seed, scale, dtype):
    matrix = (scale * np.random.RandomState(seed).standard_normal(shape)).astype(dtype)
    found = autocorrelation_derivative(matrix, axis)
    assert found.shape == (shape[axis] - 1,)
    assert found.dtype == np.float64
    assert_close(found, naive(matrix, axis), matrix)


@pytest.mark.parametrize("n", [1, 2, 3, 31, 32, 33, 427, 854])
def test_no_lag_wraps_around(n):
    # Two pulses at the ends: the last lag is the only one that they share.
    line = np.zeros((1, n))
    line[0, 0] = line[0, -1] = 1.0
    assert_close(autocorrelation_derivative(line, -1), naive(line, -1), line)


def test_a_beat_is_seen_at_its_lag():
    rows = np.zeros((4, 400))
    rows[:, ::50] = 1.0
    curve = autocorrelation_derivative(rows, -1)
    # Up to the beat, down after it.
    assert curve[49] > 0 > curve[50]
    assert np.argmax(curve) == 49


def test_layers_in_blocks(monkeypatch):
    activation = np.random.RandomState(0).standard_normal((1, 7, 12, 20))
    whole = autocorrelation_derivative(activation, -1)
    monkeypatch.setattr(curves, "_BLOCK", 100)
    assert_close(autocorrelation_derivative(activation, -1), whole, activation)
    assert_close(whole, naive(activation, -1), activation)


@pytest.mark.parametrize("clip", ["content_mel", "style_mel"])
@pytest.mark.parametrize("axis", [-1, -2])
def test_the_papers_clips(golden, clip, axis):
    mel = golden("spectrograms.npz")[clip]
    found = autocorrelation_derivative(mel, axis)
    assert_close(found, naive(mel, axis), mel)


def test_the_styles_beat_is_the_papers(golden):
    # Blue in the published row_ac.png: peaks every 0.39 s from the start to the end.
    curve = autocorrelation_derivative(golden("spectrograms.npz")["style_mel"], -1)
    from scipy.signal import find_peaks

    peaks, _ = find_peaks(curve[22:], distance=20, prominence=2.0)
    spacing = np.median(np.diff(peaks)) * MEL.time_zoom * MEL.hop_length / MEL.sample_rate
    assert spacing == pytest.approx(0.39, abs=0.02)


class TestDirections:
    def test_rows_run_along_time(self):
        assert direction_axis("row", MEL) == -1
        assert direction_axis("column", MEL) == -2
        assert direction_axis("row", UPRIGHT_SPECTROGRAM) == -1

    def test_the_released_spectrogram_is_turned_over(self):
        # D7: time runs down the image there, and the plots make up for it.
        assert direction_axis("row", RELEASED_SPECTROGRAM) == -2
        assert direction_axis("column", RELEASED_SPECTROGRAM) == -1

    @pytest.mark.parametrize("direction", DIRECTIONS)
    def test_both_orientations_give_the_same_curve(self, direction):
        spectrogram = np.random.RandomState(0).standard_normal((30, 20))
        np.testing.assert_allclose(
            autocorrelation_curve(spectrogram, direction, RELEASED_SPECTROGRAM),
            autocorrelation_curve(spectrogram.T, direction, UPRIGHT_SPECTROGRAM),
        )

    def test_other_words_are_mistakes(self):
        with pytest.raises(ValueError, match="'diagonal'"):
            direction_axis("diagonal", MEL)
        with pytest.raises(ValueError, match="axis is 0"):
            autocorrelation_derivative(np.zeros((3, 3)), 0)
