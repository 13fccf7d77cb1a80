"""The textbook's Griffin-Lim algorithm, at the analysis's own frames."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from audiostyle.audio import griffinlim as module
from audiostyle.audio.clip import bandpass, load_clip
from audiostyle.audio.inversion import invert
from audiostyle.audio.quality import signal_to_noise
from audiostyle.audio.representation import in_time_with, spectrogram_to_values, values_to_spectrogram
from audiostyle.audio.spectrogram import hamming, log_spectrogram
from audiostyle.image import image_to_tensor, tensor_to_values, values_to_image
from audiostyle.settings import Settings, preset

SHORT = Settings(inversion="griffinlim", n_fft=256, hop_length=16, inversion_iterations=20)
SETTINGS = Settings(inversion="griffinlim", n_fft=512, hop_length=64, inversion_iterations=60)


def music(seconds):
    time = np.arange(round(22050 * seconds)) / 22050
    chord = sum(np.sin(2 * np.pi * f * time + f) for f in (220, 277.18, 329.63, 880))
    return chord * (1 + np.sin(2 * np.pi * 3 * time))


def test_comes_near_and_is_not_shifted():
    sound = music(1.0)
    log_spec = log_spectrogram(sound, SETTINGS)
    made = invert(log_spec, SETTINGS)
    assert made.shape == ((len(log_spec) - 1) * 64 + 512,)
    assert made.dtype == np.float64
    assert signal_to_noise(log_spec, made, SETTINGS) > 20
    # No shift: frame by frame the two spectrograms agree where they are loud.
    again = log_spectrogram(made, SETTINGS)[: len(log_spec)]
    loud = log_spec[: len(again)] > -1
    assert np.abs(again - log_spec[: len(again)])[loud].mean() < 0.05


def test_more_iterations_come_nearer_and_the_seed_decides():
    log_spec = log_spectrogram(music(0.5), SETTINGS)
    few = invert(log_spec, dataclasses.replace(SETTINGS, inversion_iterations=2))
    many = invert(log_spec, SETTINGS)
    assert signal_to_noise(log_spec, many, SETTINGS) > signal_to_noise(log_spec, few, SETTINGS) + 3
    assert np.array_equal(invert(log_spec, SETTINGS), many)
    assert not np.allclose(invert(log_spec, dataclasses.replace(SETTINGS, seed=1)), many)


def test_agrees_with_librosa(monkeypatch):
    """Which repeats no frames, so it is given them, and begins with phases of zero if it is told to."""
    import librosa

    monkeypatch.setattr(module, "_first_phases", lambda target, *others: np.zeros(target.shape))
    log_spec = magnitudes_of("beats", 1, 40)
    repeated = np.pad(np.pad(10**log_spec, ((15, 15), (0, 0)), mode="edge"), ((0, 0), (0, 1)))
    expected = librosa.griffinlim(
        repeated.T, n_iter=5, hop_length=16, n_fft=256, window=hamming(256), center=False, init=None
    )
    made = invert(log_spec, dataclasses.replace(SHORT, inversion_iterations=5))
    np.testing.assert_allclose(made, expected[240:-240], rtol=0, atol=2e-4 * np.abs(expected).max())


def test_the_contents_phases_give_the_content():
    sound = music(0.5)
    settings = dataclasses.replace(SETTINGS, inversion_phase="content", inversion_iterations=0)
    log_spec = log_spectrogram(sound, settings)
    made = invert(log_spec, settings, content=sound)[: len(sound)]
    inside = slice(512, len(sound) - 512)
    assert np.corrcoef(made[inside], sound[inside])[0, 1] > 0.999
    with pytest.raises(ValueError, match="content clip"):
        invert(log_spec, settings)


@pytest.mark.parametrize(("representation", "zoom"), [("mel", 2), ("mel", 1), ("mfcc", 2), ("spectrogram", 2)])
def test_the_content_is_in_time_with_its_way_through_the_picture(representation, zoom):
    """A click is where the spectrogram that comes back has it."""
    settings = Settings(representation=representation, time_zoom=zoom, n_fft=512, hop_length=64, n_mels=32)
    sound = np.zeros(22050)
    sound[11000] = 1.0
    back = values_to_spectrogram(spectrogram_to_values(log_spectrogram(sound, settings), settings), settings)
    moved = log_spectrogram(in_time_with(sound, settings), settings)
    frames = [np.flatnonzero(one[:, 30:200].mean(axis=1) > -2).tolist() for one in (back, moved)]
    assert frames[0] == frames[1]


def test_progress_and_trace_show_the_end():
    log_spec = log_spectrogram(music(0.3), SETTINGS)
    calls = []
    wave = invert(
        log_spec,
        SETTINGS,
        progress=lambda i, n: calls.append((i, n)),
        trace=lambda i, made, offsets: calls.append((i, len(made), len(offsets), int(offsets.any()))),
    )
    assert calls == [(0, len(wave), len(log_spec) - 1, 0), (1, 1)]


def magnitudes_of(kind, seed, frames):
    """Log magnitudes that are equally loud all the time: of a sound, or such as no sound has."""
    random = np.random.RandomState(seed)
    if kind == "no sound's":  # as a transfer makes them: neighbouring frames know nothing of each other
        return np.maximum(np.log10(random.rayleigh(0.3, (frames, 128))), -4.0)
    length = 16 * (frames - 1) + 256
    sound = random.standard_normal(length)
    if kind == "tones":
        sound = np.sin(np.outer(random.uniform(0.05, 2.5, 5), np.arange(length)) + random.rand(5, 1)).sum(axis=0)
    elif kind == "beats":
        sound *= np.exp(-0.02 * (np.arange(length) % random.randint(100, 400)))
    return log_spectrogram(sound, dataclasses.replace(SHORT, frame_padding="exact"))


def test_every_sample_has_as_many_windows_as_those_in_the_middle():
    """One that did not would be divided by the square of a window's end, 0.0064, and burst."""
    for seed in range(5):
        wave = invert(magnitudes_of("no sound's", seed, 200), SHORT)
        middle = np.sqrt(np.mean(wave[256:-256] ** 2))
        assert np.sqrt(np.mean(wave[:16] ** 2)) < 2 * middle
        assert np.sqrt(np.mean(wave[-16:] ** 2)) < 2 * middle


@given(
    kind=st.sampled_from(["no sound's", "tones", "beats", "noise"]),
    seed=st.integers(0, 10**6),
    frames=st.integers(60, 200),
    before=st.floats(0.3, 3.0),
    after=st.floats(0.3, 3.0),
)
@hypothesis_settings(deadline=None, max_examples=60)
def test_no_burst_in_the_first_or_last_window(kind, seed, frames, before, after):
    """Where a spectrogram is fainter at an end, its sound has no peak there."""
    log_spec = magnitudes_of(kind, seed, frames)
    distance = np.minimum(np.arange(len(log_spec)), 20) / 20
    log_spec = log_spec - before * (1 - distance)[:, np.newaxis] - after * (1 - distance[::-1])[:, np.newaxis]
    wave = np.abs(invert(np.maximum(log_spec, -6.0), SHORT))
    assert 256 <= wave.argmax() < len(wave) - 256


def passed_through_the_image(name, representation, shared):
    """A clip that is not transferred: its log spectrogram, the one that is inverted, and the samples."""
    settings = dataclasses.replace(preset(name), representation=representation)
    samples = bandpass(load_clip(f"{shared}/clips/rock17.wav", settings), settings)
    log_spec = log_spectrogram(samples, settings)
    image, value_range = values_to_image(spectrogram_to_values(log_spec, settings), settings)
    values = tensor_to_values(
        image_to_tensor(image, settings), {"content": value_range, "style": value_range}, settings
    )
    inverted = values_to_spectrogram(values, settings)
    return log_spec, inverted, invert(inverted, settings)


@pytest.mark.slow
def test_corrected_preset_is_ten_decibels_better(shared):
    noise = {}
    for name in ("released", "corrected"):
        for representation in ("mel", "spectrogram"):
            settings = preset(name)
            log_spec, inverted, samples = passed_through_the_image(name, representation, shared)
            noise[name, representation] = (
                signal_to_noise(inverted, samples, settings),
                signal_to_noise(log_spec, samples, settings),
            )
    # Inversion alone, in both representations.
    assert noise["corrected", "mel"][0] > noise["released", "mel"][0] + 10
    assert noise["corrected", "spectrogram"][0] > noise["released", "spectrogram"][0] + 10
    # From the clip to the samples: averaging into 96 mel bands alone leaves 6.3 dB, with the true phases too.
    assert noise["corrected", "spectrogram"][1] > noise["released", "spectrogram"][1] + 10
    assert noise["corrected", "mel"][1] > noise["released", "mel"][1] + 2
