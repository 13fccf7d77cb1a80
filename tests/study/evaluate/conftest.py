"""Sounds with known properties."""

import numpy as np
import pytest

from audiostyle.study.evaluate.sounds import Sound

RATE = 22050
HOP = 256


@pytest.fixture(scope="session")
def sound():
    """Builds a Sound of samples, of a mel image, or of both; what is not given is noise."""

    def build(samples=None, mel=None):
        rng = np.random.RandomState(0)
        samples = rng.standard_normal(RATE) if samples is None else samples
        mel = rng.uniform(-4, 0, (16, 80)) if mel is None else mel
        return Sound(np.asarray(samples, float), np.asarray(mel, float), RATE, HOP, -4.0)

    return build


@pytest.fixture(scope="session")
def clicks():
    """A train of short noise bursts at a tempo, with a little noise between them."""

    def build(bpm, seconds=10.0, noise=1e-3):
        rng = np.random.RandomState(1)
        samples = noise * rng.standard_normal(int(seconds * RATE))
        burst = rng.standard_normal(600) * np.exp(-np.arange(600) / 120)
        for beat in np.arange(0.1, seconds - 0.1, 60 / bpm):
            start = round(beat * RATE)
            samples[start : start + len(burst)] += burst
        return samples

    return build
