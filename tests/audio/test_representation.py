"""The three pictures of a sound and the way back from each."""

import dataclasses

import numpy as np
import pytest

from audiostyle.audio.mel import from_mel, to_mel
from audiostyle.audio.representation import spectrogram_to_values, values_to_spectrogram
from audiostyle.settings import Settings

SMALL = Settings(n_mels=16, n_fft=1024)


@pytest.fixture
def log_spec():
    return np.random.RandomState(0).uniform(-4, 0, (40, 512))


def test_mel(log_spec):
    values = spectrogram_to_values(log_spec, SMALL)
    np.testing.assert_array_equal(values, to_mel(log_spec, SMALL))
    np.testing.assert_array_equal(values_to_spectrogram(values, SMALL), from_mel(values, SMALL))


@pytest.mark.parametrize(("orientation", "shape"), [("time_rows", (40, 512)), ("time_columns", (512, 40))])
def test_spectrogram_is_kept_or_turned_over(log_spec, orientation, shape):
    settings = dataclasses.replace(SMALL, representation="spectrogram", spec_orientation=orientation)
    values = spectrogram_to_values(log_spec, settings)
    assert values.shape == shape
    np.testing.assert_array_equal(values_to_spectrogram(values, settings), log_spec)


def test_mfcc_is_the_orthonormal_cosine_transform_along_mel(log_spec):
    settings = dataclasses.replace(SMALL, representation="mfcc")
    values, mel = spectrogram_to_values(log_spec, settings), to_mel(log_spec, settings)
    n = settings.n_mels
    basis = np.cos(np.pi * np.outer(np.arange(n), 2 * np.arange(n) + 1) / (2 * n)) * np.sqrt(2 / n)
    basis[0] /= np.sqrt(2)
    assert values.shape == mel.shape
    np.testing.assert_allclose(values, basis @ mel, atol=1e-5)
    assert np.linalg.norm(values) == pytest.approx(np.linalg.norm(mel), rel=1e-5)
    np.testing.assert_allclose(values_to_spectrogram(values, settings), from_mel(mel, settings), atol=2e-5)
