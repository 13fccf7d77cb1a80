"""Spectral convergence and signal-to-noise ratio of magnitudes."""

import numpy as np
import pytest

from audiostyle.audio.quality import signal_to_noise, spectral_convergence
from audiostyle.audio.spectrogram import log_spectrogram
from audiostyle.settings import Settings

SETTINGS = Settings(n_fft=256, hop_length=32)


def noise(seed, size=8000):
    return np.random.RandomState(seed).standard_normal(size)


def test_equal_sounds():
    sound = noise(0)
    assert spectral_convergence(sound, sound, SETTINGS) < 1e-12
    assert signal_to_noise(sound, sound, SETTINGS) > 200


def test_gain_and_shift_by_frames_do_not_matter():
    log_spec = log_spectrogram(noise(0), SETTINGS)
    assert spectral_convergence(log_spec, log_spec[5:] - 0.7, SETTINGS) < 1e-12
    assert spectral_convergence(log_spec[5:], log_spec, SETTINGS) < 1e-12


def test_naive_reference():
    rs = np.random.RandomState(2)
    wanted, made = rs.uniform(-4, 0, (20, 128)), rs.uniform(-4, 0, (17, 128))
    best = np.inf
    for shift in range(-8, 9):
        pairs = [(10 ** wanted[i + shift], 10 ** made[i]) for i in range(17) if 0 <= i + shift < 20]
        a, b = np.ravel([p[0] for p in pairs]), np.ravel([p[1] for p in pairs])
        gain = np.linalg.lstsq(b[:, None], a, rcond=None)[0]
        best = min(best, np.sqrt(((a - gain * b) ** 2).sum() / (a**2).sum()))
    assert spectral_convergence(wanted, made, SETTINGS) == pytest.approx(best, rel=1e-12)
    assert signal_to_noise(wanted, made, SETTINGS) == pytest.approx(-20 * np.log10(best), rel=1e-12)


def test_known_noise_is_measured():
    log_spec = np.zeros((4, 2))
    made = np.log10(np.array([[1.5, 0.5]] * 4))
    # The best gain is 2 / 2.5; the error (0.2, 0.6) against (1, 1).
    assert spectral_convergence(log_spec, made, SETTINGS) == pytest.approx(np.sqrt(0.2))
    assert signal_to_noise(log_spec, made, SETTINGS) == pytest.approx(10 * np.log10(5))


def test_unrelated_sounds_are_far():
    tone = np.sin(np.arange(8000) * 0.5)
    assert spectral_convergence(tone, noise(1), SETTINGS) > 0.9
