"""Loudness against the standard's own numbers."""

import numpy as np
import pytest

from audiostyle.audio.loudness import k_weighting, loudness


def sine(hertz, rate, seconds, level_db=0.0):
    return 10 ** (level_db / 20) * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


def test_the_filters_at_48_khz_are_the_standards():
    shelf, high_pass = k_weighting(48000)
    expected = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585]
    np.testing.assert_allclose(shelf, expected, atol=1e-9)
    np.testing.assert_allclose(high_pass, [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621], atol=1e-9)


@pytest.mark.parametrize("rate", [22050, 44100, 48000])
def test_a_full_sine_of_997_hz_in_one_channel(rate):
    assert loudness(sine(997, rate, 5), rate) == pytest.approx(-3.01, abs=0.05)
    assert loudness(sine(997, rate, 5, -20), rate) == pytest.approx(-23.01, abs=0.05)


def test_two_channels_add_up():
    both = np.stack([sine(997, 48000, 3, -23), sine(997, 48000, 3, -23)], axis=1)
    assert loudness(both, 48000) == pytest.approx(-23.0, abs=0.1)


def test_pauses_are_gated():
    """EBU Tech 3341, case 3: the quiet parts before and after a tone do not count."""
    tones = [sine(1000, 48000, 10, -36), sine(1000, 48000, 30, -23), sine(1000, 48000, 10, -36)]
    both = np.repeat(np.concatenate(tones)[:, np.newaxis], 2, axis=1)
    assert loudness(both, 48000) == pytest.approx(-23.0, abs=0.1)


def test_silence_and_short_sounds():
    assert loudness(np.zeros(48000), 48000) == float("-inf")
    assert loudness(sine(997, 48000, 0.1), 48000) == pytest.approx(-3.01, abs=0.3)
