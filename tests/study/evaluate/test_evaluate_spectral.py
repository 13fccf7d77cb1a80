from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiostyle.study.evaluate import spectral
from audiostyle.study.evaluate.sounds import Sound

Build = Callable[..., Sound]


def test_convergence_against_a_search_for_the_gain():
    x, r = np.random.RandomState(0).uniform(0, 1, (2, 8, 9))
    errors = [np.linalg.norm(gain * x - r) / np.linalg.norm(r) for gain in np.linspace(0, 2, 20001)]
    assert spectral.spectral_convergence(x, r) == pytest.approx(min(errors), abs=1e-6)


@given(st.floats(1e-3, 1e3))
def test_gain_is_no_error(gain):
    x = np.random.RandomState(0).uniform(0, 1, (5, 7))
    assert spectral.spectral_convergence(gain * x, x) == pytest.approx(0, abs=1e-7)
    assert spectral.log_spectral_distance(np.log10(gain * x), np.log10(x)) == pytest.approx(0, abs=1e-6)


def test_known_distances():
    x = np.array([[1.0, 0.0], [0.0, 0.0]])
    assert spectral.spectral_convergence(x, x[:, ::-1]) == 1
    assert spectral.spectral_convergence(x, np.array([[3.0, 4.0], [0.0, 0.0]])) == pytest.approx(0.8)
    assert spectral.spectral_convergence(np.zeros((2, 2)), x) == 1
    assert np.isnan(spectral.spectral_convergence(x, np.zeros((2, 2))))
    # 20 dB up and 20 dB down from a flat picture.
    assert spectral.log_spectral_distance(np.array([[1.0, -1.0], [-1.0, 1.0]]), np.zeros((2, 2))) == pytest.approx(20)


def test_magnitudes_are_those_of_hann_windows(sound):
    samples = np.random.RandomState(0).standard_normal(3000)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048)
    expected = [np.abs(np.fft.rfft(samples[start : start + 2048] * window)) for start in (0, 256, 512, 768)]
    np.testing.assert_allclose(spectral.magnitudes(sound(samples)), expected, atol=1e-9)


def test_the_identical_sound_and_a_late_one(sound):
    rng = np.random.RandomState(0)
    long, mel = rng.standard_normal(22050 + 512), rng.uniform(-4, 0, (16, 82))
    early = sound(long[512:], mel[:, 2:])
    late = sound(long[:22050], mel[:, :80])
    scores = spectral.evaluate(early, early, late)
    assert scores["spectral_convergence_content"] == scores["log_spectral_distance_content_db"] == 0
    # The best lag of the pictures undoes the delay.
    assert scores["spectral_convergence_style"] == pytest.approx(0, abs=1e-9)
    assert scores["log_spectral_distance_style_db"] == pytest.approx(0, abs=1e-9)


def test_matrices_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="equal shape"):
        spectral.spectral_convergence(np.zeros((2, 3)), np.zeros((3, 2)))


def test_ss_vq_vae_distance_takes_the_root_over_time():
    """One band off by 6 dB half of the time, and the other always by 2: sqrt(18) and 2, whose mean it is."""
    mel, reference = np.zeros((2, 8)), np.zeros((2, 8))
    mel[0, :4], mel[1] = 6, 2
    assert spectral.ss_vq_vae_distance(mel, reference) == pytest.approx((np.sqrt(18) + 2) / 2)


def test_ss_vq_vae_spectrogram_is_of_equal_power(sound):
    """Loudness plays no part, and white noise of power 1 is level where the filters are as wide as at 16 kHz."""
    noise = np.random.RandomState(0).standard_normal(3 * 22050)
    mel = spectral.ss_vq_vae_spectrogram(sound(noise))
    assert mel.shape[0] == 128
    np.testing.assert_allclose(mel, spectral.ss_vq_vae_spectrogram(sound(1e-3 * noise)), atol=1e-4)
    # The power of a Hann window of 2048 is 768; a filter's sum at librosa's (Slaney's) scale is 2048 / 16000.
    assert np.median(mel) == pytest.approx(10 * np.log10(768 * 2048 / 16000), abs=1)
