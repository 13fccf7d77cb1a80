"""Channels of a result: where the content has them, and nothing lost."""

import numpy as np
import pytest

from audiostyle.audio.panning import pan, shares
from audiostyle.settings import Settings

SETTINGS = Settings(n_fft=512, hop_length=64)
RATE = 22050


def noise(seed, seconds=1.0):
    return np.random.RandomState(seed).standard_normal(round(RATE * seconds))


def test_equal_channels_leave_the_sound_as_it_is():
    sound, content = noise(0), noise(1)
    panned = pan(sound, np.stack([content, content], axis=1), SETTINGS)
    assert panned.shape == (len(sound), 2)
    for channel in panned.T:
        np.testing.assert_allclose(channel, sound - sound.mean(), atol=1e-4)


def test_what_is_on_the_left_in_the_content_is_on_the_left_in_the_result():
    time = np.arange(RATE) / RATE
    low, high = np.sin(2 * np.pi * 500 * time), np.sin(2 * np.pi * 4000 * time)
    left, right = pan(low + high, np.stack([low, high], axis=1), SETTINGS)[2000:-2000].T
    for channel, mine, other in ((left, low, high), (right, high, low)):
        assert np.dot(channel, mine[2000:-2000]) > 0.6 * len(channel)
        assert abs(np.dot(channel, other[2000:-2000])) < 0.02 * len(channel)


def test_the_moment_counts():
    content = np.zeros((RATE, 2))
    content[: RATE // 2, 0] = noise(1)[: RATE // 2]
    content[RATE // 2 :, 1] = noise(1)[RATE // 2 :]
    left, right = pan(noise(2), content, SETTINGS).T
    early, late = slice(2000, RATE // 2 - 2000), slice(RATE // 2 + 2000, RATE - 2000)
    assert np.std(left[early]) > 20 * np.std(right[early])
    assert np.std(right[late]) > 20 * np.std(left[late])
    assert np.std(left[early]) == pytest.approx(np.sqrt(2) * np.std(noise(2)), rel=0.05)


@pytest.mark.parametrize("count", [1, 2, 6])
def test_shares_keep_the_power(count):
    powers = list(np.random.RandomState(0).exponential(1.0, (count, 30, 20)))
    powers[0][:10] = 0
    given = shares(powers)
    np.testing.assert_allclose(np.sum(np.square(given), axis=0), count, rtol=1e-6)
    for gain in shares([np.zeros((5, 4))] * count):
        np.testing.assert_allclose(gain, 1.0)


def test_a_content_that_ends_early_keeps_its_last_place():
    content = np.zeros((RATE // 2, 2))
    content[:, 0] = noise(1)[: RATE // 2]
    assert pan(noise(2), content, SETTINGS).shape == (RATE, 2)
