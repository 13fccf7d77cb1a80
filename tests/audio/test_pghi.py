"""Phase gradient heap integration against a slow, literal version of it, and against sounds whose phases are known."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from audiostyle.audio.clip import bandpass, load_clip
from audiostyle.audio.inversion import invert
from audiostyle.audio.pghi import HAMMING, gradients, integrate_phases
from audiostyle.audio.quality import signal_to_noise
from audiostyle.audio.spectrogram import hamming, log_spectrogram, stft
from audiostyle.settings import Settings, preset

SETTINGS = Settings(inversion="griffinlim", inversion_phase="pghi", n_fft=512, hop_length=32, inversion_iterations=60)


def literal(magnitudes, hop, size):
    """Phases by the definition, looking through the whole border for the loudest value each time, and who has one."""
    frames, bins = magnitudes.shape
    faintest = 1e-6 * magnitudes.max()
    log = np.log(np.maximum(magnitudes, faintest))

    def slope(line, i):
        low, high = max(i - 1, 0), min(i + 1, len(line) - 1)
        return (line[high] - line[low]) / (high - low)

    gamma = HAMMING * size**2
    turn = {}
    for n in range(frames):
        for k in range(bins):
            over_time = 2 * np.pi * hop * k / size + hop * size / gamma * slope(log[n], k)
            over_bins = -gamma / (hop * size) * slope(log[:, k], n)
            turn[n, k] = np.array([over_time, over_bins - np.pi * (size - 1) / size])
    phases = {}
    while left := [at for at in np.ndindex(frames, bins) if at not in phases and magnitudes[at] > faintest]:
        first = max(left, key=lambda at: magnitudes[at])
        phases[first] = -np.pi * (size - 1) / size * first[1]
        border = {first}
        while border:
            n, k = best = max(border, key=lambda at: magnitudes[at])
            border.remove(best)
            for step in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                at = (n + step[0], k + step[1])
                if at in left and at not in phases:
                    phases[at] = phases[best] + float(np.dot(step, turn[best] + turn[at])) / 2
                    border.add(at)
    known = np.zeros(magnitudes.shape, dtype=bool)
    result = np.zeros(magnitudes.shape)
    for at, phase in phases.items():
        known[at], result[at] = True, phase
    return result, known


@given(seed=st.integers(0, 10**6), frames=st.integers(2, 9), size=st.sampled_from([8, 16, 20]), faint=st.floats(0, 0.7))
@hypothesis_settings(deadline=None, max_examples=40)
def test_agrees_with_the_literal_integration(seed, frames, size, faint):
    random = np.random.RandomState(seed)
    magnitudes = 10 ** random.uniform(-3, 2, (frames, size // 2 + 1))
    magnitudes[random.random_sample(magnitudes.shape) < faint] *= 1e-9  # islands between valleys
    expected, known = literal(magnitudes, 4, size)
    phases = integrate_phases(magnitudes, 4, size, random)
    np.testing.assert_allclose(phases[known], expected[known], rtol=1e-9, atol=1e-9)
    assert known.all() or np.abs(phases[~known]).max() > 0


def test_the_constant_is_that_of_the_gaussian_most_like_the_window():
    size = 2048
    time = np.arange(size) - (size - 1) / 2
    constants = np.linspace(0.2, 0.4, 2001)
    likeness = []
    for constant in constants:
        # The Gaussian goes on outside the window.
        wide = np.arange(-3 * size, 3 * size)
        energy = np.sum(np.exp(-2 * np.pi * wide**2 / (constant * size**2)))
        likeness.append(np.dot(hamming(size), np.exp(-np.pi * time**2 / (constant * size**2))) / np.sqrt(energy))
    assert pytest.approx(constants[int(np.argmax(likeness))], rel=0.002) == HAMMING


def test_gradients_are_those_of_true_phases():
    """A chirp's phases are known from its transform: both slopes, where it is loud."""
    time = np.arange(22050) / 22050
    spectra = stft(np.sin(2 * np.pi * (1500 * time + 2000 * time**2)), SETTINGS, 600)[20:580]
    middle = spectra * np.exp(1j * np.pi * 511 / 512 * np.arange(257))
    per_frame, per_bin = gradients(np.abs(spectra), 32, 512)
    loud = np.abs(spectra) > 0.3 * np.abs(spectra).max()
    along, across = loud[1:] & loud[:-1], loud[:, 1:] & loud[:, :-1]
    turned = np.angle(middle[1:] * np.conj(middle[:-1]) * np.exp(-1j * (per_frame[1:] + per_frame[:-1]) / 2))
    assert np.abs(turned[along]).max() < 0.1
    turned = np.angle(middle[:, 1:] * np.conj(middle[:, :-1]) * np.exp(-1j * (per_bin[:, 1:] + per_bin[:, :-1]) / 2))
    assert np.abs(turned[across]).max() < 0.2
    assert np.abs(np.angle(middle[:, 1:] * np.conj(middle[:, :-1]))[across]).max() > 0.6


def sounds():
    time = np.arange(22050) / 22050
    random = np.random.RandomState(3)
    chord = sum(np.sin(2 * np.pi * f * time + f) for f in (220, 277.18, 329.63, 880, 1760.4))
    beats = np.exp(-30 * (time % 0.25)) * random.standard_normal(len(time))
    return {"chord": chord, "chirp": np.sin(2 * np.pi * (200 + 1500 * time) * time), "music": 0.3 * chord + beats}


@pytest.mark.parametrize(("name", "alone", "gain"), [("chord", 20, 6), ("chirp", 20, 6), ("music", 12, 2)])
def test_without_iterations_it_is_near_and_with_them_nearer_than_random_phases(name, alone, gain):
    log_spec = log_spectrogram(sounds()[name], SETTINGS)

    def quality(**changes):
        return signal_to_noise(log_spec, invert(log_spec, dataclasses.replace(SETTINGS, **changes)), SETTINGS)

    assert quality(inversion_iterations=0) > alone
    assert quality() > quality(inversion_phase="random") + gain


def test_silence_and_a_single_frame():
    random = np.random.RandomState(0)
    assert np.isfinite(integrate_phases(np.zeros((4, 9)), 4, 16, random)).all()
    assert np.isfinite(integrate_phases(np.ones((1, 9)), 4, 16, random)).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rock17", "reggae07"])
def test_true_magnitudes_of_the_papers_clips_come_back(name, shared):
    settings = dataclasses.replace(
        preset("corrected"), inversion_phase="pghi", inversion_iterations=200, inversion_floor="kept"
    )
    samples = bandpass(load_clip(shared / "clips" / f"{name}.wav", settings), settings)
    log_spec = log_spectrogram(samples, settings)
    assert signal_to_noise(log_spec, invert(log_spec, settings), settings) > 35
