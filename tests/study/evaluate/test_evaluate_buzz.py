from collections.abc import Callable

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from audiostyle.study.evaluate import buzz
from audiostyle.study.evaluate.sounds import Sound

Build = Callable[..., Sound]


def music(seed=0):
    """A mel image with a falling colour and uncorrelated pixels of 6 dB deviation."""
    rng = np.random.RandomState(seed)
    return np.linspace(-1.2, -2.6, 60)[:, None] + 0.3 * rng.standard_normal((60, 500))


def test_row_excess_against_loops():
    mel = np.random.RandomState(0).uniform(-4, 0, (11, 7))
    excess = buzz.row_excess(mel)
    for row in range(11):
        for column in range(7):
            around = [mel[other, column] for other in range(11) if other != row and abs(other - row) <= 4]
            assert excess[row, column] == pytest.approx(20 * (mel[row, column] - np.median(around)))
    kept = [np.percentile(row, 10) for row in excess]
    assert buzz.stuck_rows(mel) == (pytest.approx(max(kept)), sum(k >= 3 for k in kept), int(np.argmax(kept)))


def test_noise_has_no_stuck_rows():
    index, count, _ = buzz.stuck_rows(music())
    assert index < 0
    assert count == 0


def test_a_row_that_is_always_louder_by_so_much_has_that_index():
    mel = np.repeat(np.linspace(-1.2, -2.6, 60)[:, None], 500, axis=1)
    smooth = buzz.stuck_rows(mel)[0]
    mel[33] += 0.5
    index, count, row = buzz.stuck_rows(mel)
    assert smooth < 3
    assert index == pytest.approx(10)
    assert (count, row) == (1, 33)


def test_stuck_rows_are_counted_and_the_worst_is_named():
    mel = music()
    mel[20] = -0.8 + 0.1 * np.random.RandomState(1).standard_normal(500)
    mel[45] = -0.2 + 0.1 * np.random.RandomState(2).standard_normal(500)
    index, count, row = buzz.stuck_rows(mel)
    assert index > 20
    assert (count, row) == (2, 45)
    assert buzz.variation_ratio(mel, 45, -4.0) < 0.3


def test_a_row_counts_as_stuck_from_3_decibels_on():
    mel = np.full((40, 50), -2.0)
    mel[10] += 2.9 / 20
    mel[30] += 3.1 / 20
    assert buzz.stuck_rows(mel) == (pytest.approx(3.1), 1, 30)


def test_a_row_that_is_loud_half_the_time_is_not_stuck():
    mel = music()
    mel[45, ::2] = -0.2
    assert buzz.stuck_rows(mel)[1] == 0


@settings(max_examples=20)
@given(st.integers(0, 2**31 - 1), st.floats(-2, 2))
def test_level_and_order_of_time_play_no_part(seed, level):
    mel = music(seed)
    mel[seed % 60] += 1
    expected = buzz.stuck_rows(mel)
    order = np.random.RandomState(seed).permutation(500)
    assert buzz.stuck_rows(mel[:, order] + level) == (pytest.approx(expected[0]), *expected[1:])


def test_variation_ratio_against_its_definition():
    mel = music()
    grey = mel + 4
    variation = grey.std(axis=1) / grey.mean(axis=1)
    around = np.median([variation[row] for row in (26, 27, 28, 29, 31, 32, 33, 34)])
    assert buzz.variation_ratio(mel, 30, -4.0) == pytest.approx(variation[30] / around)
    assert np.isnan(buzz.variation_ratio(np.full((20, 9), -4.0), 3, -4.0))


def test_a_tone_in_noise_is_a_line(sound):
    noise = np.random.RandomState(0).standard_normal(10 * 22050)
    tone = np.sin(2 * np.pi * 4656 * np.arange(len(noise)) / 22050)
    assert buzz.line_energy(noise, 22050) < 0.01
    assert buzz.line_energy(noise + tone, 22050) > 0.3
    assert buzz.line_energy(tone, 22050) > 0.99
    # Steep, but smooth: no line.
    assert buzz.line_energy(scipy.signal.lfilter([1], [1, -0.97], noise), 22050) < 0.02
    # Below 200 Hz a line is a bass note.
    low = np.sin(2 * np.pi * 100 * np.arange(len(noise)) / 22050)
    assert buzz.line_energy(noise + low, 22050) < 0.01


@pytest.mark.parametrize("gain", [1e-8, 1e6])
def test_loudness_plays_no_part(gain):
    samples = np.random.RandomState(0).standard_normal(22050)
    assert buzz.line_energy(gain * samples, 22050) == pytest.approx(buzz.line_energy(samples, 22050), rel=1e-9)


def test_silence_has_no_line_energy_and_gives_no_warning(recwarn):
    assert np.isnan(buzz.line_energy(np.zeros(22050), 22050))
    assert not recwarn.list


@pytest.mark.parametrize("shape", [(4, 9), (9,), (9, 0)])
def test_what_is_no_mel_image_is_refused(shape):
    with pytest.raises(ValueError, match="mel image"):
        buzz.stuck_rows(np.zeros(shape))
