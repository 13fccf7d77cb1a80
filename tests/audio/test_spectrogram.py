"""Log spectrogram and mel against the authors' numbers and against slow versions of them."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from audiostyle.audio.mel import from_mel, mel_filters, to_mel
from audiostyle.audio.representation import image_shape, spectrogram_to_values
from audiostyle.audio.spectrogram import hamming, log_spectrogram, n_frames, stft
from audiostyle.errors import InputError
from audiostyle.image import image_to_tensor, values_to_image
from audiostyle.settings import PRESETS, Settings, preset

Golden = Callable[[str], Mapping[str, np.ndarray]]
SMALL = Settings(n_fft=1024, hop_length=64, n_mels=16)


def naive_spectrogram(samples, size, hop, floor):
    samples = np.append(samples - samples.mean(), np.zeros(size - len(samples) % size))
    rows = []
    for i in range((len(samples) - size) // hop):
        rows.append(np.abs(np.fft.fft(samples[i * hop : i * hop + size] * hamming(size)))[: size // 2])
    with np.errstate(divide="ignore"):
        return np.maximum(np.log10(np.array(rows) / np.max(rows)), floor)


def test_golden_spectrograms(golden):
    audio, spectrograms = golden("audio.npz"), golden("spectrograms.npz")
    settings = Settings()
    samples = audio["content_pre"].copy()
    content = log_spectrogram(samples, settings)
    np.testing.assert_array_equal(samples, audio["content_pre"])  # T7: the caller's samples stay
    assert content.shape == (1712, 1024)
    assert content.dtype == np.float64
    np.testing.assert_allclose(content, spectrograms["content_spectrogram"], rtol=0, atol=1e-9)
    style = log_spectrogram(audio["style_pre"], settings)
    np.testing.assert_allclose(style[::8], spectrograms["style_spectrogram_every_8th_frame"], rtol=0, atol=1e-9)
    for name, spectrogram in (("content", content), ("style", style)):
        mel = to_mel(spectrogram, settings)
        assert mel.dtype == np.float32
        np.testing.assert_allclose(mel, spectrograms[f"{name}_mel"], rtol=0, atol=1e-6)
        # What the authors' function does to the caller's samples is exactly what is left out here.
        pre = audio[f"{name}_pre"]
        np.testing.assert_allclose(pre - pre.mean(), audio[f"{name}_after_stft"], rtol=0, atol=1e-12)


def test_golden_filters(golden):
    mel_filter, inverse = mel_filters(Settings())
    np.testing.assert_array_equal(mel_filter, golden("spectrograms.npz")["mel_filter"])
    np.testing.assert_array_equal(inverse, golden("spectrograms.npz")["mel_filter_inverse"])


def test_golden_way_back(golden):
    expected = golden("inversion_mel.npz")
    log_spec = from_mel(expected["melSpecOut"], Settings())
    assert log_spec.dtype == np.float32
    np.testing.assert_allclose(log_spec, expected["specOut"], rtol=0, atol=1e-5)


def test_golden_roundtrip_mels(golden):
    """The mels of inverted clips, recorded from the 16-bit samples, without the band-pass."""
    mels = golden("inversion_roundtrip_mels.npz")
    for mode in ("mel", "spec"):
        samples = golden(f"inversion_{mode}.npz")["int16"] / 32768.0
        made = to_mel(log_spectrogram(samples, Settings()), Settings())
        np.testing.assert_allclose(made, mels[f"{mode}_uint8__mel"], rtol=0, atol=1e-6)


def test_hamming_is_symmetric():
    window = hamming(2048)
    np.testing.assert_allclose(window, window[::-1], atol=1e-14)
    np.testing.assert_allclose(window, np.hamming(2048), atol=1e-14)
    assert window[0] == pytest.approx(0.08)


@pytest.mark.parametrize("samples", [1024, 1025, 4000, 5120])
def test_agrees_with_a_naive_spectrogram(samples):
    sound = np.random.RandomState(samples).standard_normal(samples) + 0.5
    expected = naive_spectrogram(sound, 1024, 64, -2.5)
    made = log_spectrogram(sound, dataclasses.replace(SMALL, log_floor=-2.5))
    np.testing.assert_allclose(made, expected, rtol=0, atol=1e-10)


def test_released_padding_of_ten_seconds():
    assert n_frames(220500, Settings()) == 1712
    # T8: a whole window is added where the length divides, and its last frame is left out.
    assert n_frames(2048, Settings()) == 16
    assert n_frames(2047, Settings()) == 0
    assert n_frames(4096, Settings()) == 32


@given(length=st.integers(1, 20000), hop=st.integers(8, 512))
def test_exact_padding_covers_every_sample_once(length, hop):
    settings = Settings(n_fft=1024, hop_length=hop, frame_padding="exact")
    count = n_frames(length, settings)
    assert (count - 1) * hop + 1024 >= length
    assert count == 1 or (count - 2) * hop + 1024 < length


@given(length=st.integers(1, 20000))
def test_released_padding_is_the_authors_arithmetic(length):
    padded = length + 1024 - length % 1024
    assert n_frames(length, SMALL) == (padded - 1024) // 64


def test_stft_pads_with_silence_past_the_end():
    sound = np.random.RandomState(1).standard_normal(2000)
    short, long = stft(sound, SMALL, 5), stft(sound, SMALL, 60)
    np.testing.assert_array_equal(short, long[:5])
    assert np.abs(long[-1]).max() == 0
    assert long.shape == (60, 513)


def test_many_frames_are_the_same_as_few_at_a_time(monkeypatch):
    sound = np.random.RandomState(1).standard_normal(9000)
    whole = stft(sound, SMALL, 100)
    monkeypatch.setattr("audiostyle.audio.spectrogram._ROWS", 7)
    np.testing.assert_array_equal(stft(sound, SMALL, 100), whole)


def test_loudness_does_not_matter():
    sound = np.random.RandomState(4).standard_normal(5000)
    np.testing.assert_allclose(log_spectrogram(sound * 1e-3, SMALL), log_spectrogram(sound, SMALL), atol=1e-12)
    assert log_spectrogram(sound, SMALL).max() == 0


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(3000), "silent"),
        (np.full(3000, 0.25), "silent"),
        (np.full(3000, np.nan), "silent or not finite"),
        (np.ones(1000), "too few"),
        (np.empty(0), "too few"),
    ],
)
def test_samples_without_a_spectrogram(samples, message):
    with pytest.raises(InputError, match=message):
        log_spectrogram(samples, SMALL)


def test_agrees_with_naive_filters():
    settings = Settings(n_fft=1024, n_mels=20, mel_sample_rate=22050, mel_fmin=100.0, mel_fmax=9000.0)
    points = np.linspace(2595 * np.log10(1 + 100 / 700), 2595 * np.log10(1 + 9000 / 700), 22)
    bins = np.floor(1025 * 700 * (10 ** (points / 2595) - 1) / 22050).astype(int)
    expected = np.zeros((20, 512))
    for j in range(20):
        for i in range(bins[j], bins[j + 2]):
            rising = i < bins[j + 1]
            expected[j, i] = (
                (i - bins[j]) / (bins[j + 1] - bins[j]) if rising else (bins[j + 2] - i) / (bins[j + 2] - bins[j + 1])
            )
    mel_filter, inverse = mel_filters(settings)
    np.testing.assert_allclose(inverse, expected, atol=1e-12)
    np.testing.assert_allclose(mel_filter.sum(axis=0), 1, atol=1e-12)
    np.testing.assert_allclose(mel_filter, (expected / expected.sum(axis=1, keepdims=True)).T, atol=1e-12)


@pytest.mark.parametrize("changes", [{"n_mels": 512}, {"n_fft": 64, "hop_length": 8}, {"mel_fmax": 200.0}])
def test_empty_filter_is_an_input_error(changes):
    with pytest.raises(InputError, match=r"Mel filter \d+ of .* n_mels"):
        mel_filters(dataclasses.replace(Settings(), **changes))


@pytest.mark.parametrize("name", PRESETS)
def test_presets_have_no_empty_filter(name):
    assert mel_filters(preset(name))[1].sum(axis=1).all()


def test_orders_of_logarithm_and_average():
    log_spec = np.random.RandomState(0).uniform(-4, 0, (32, 512))
    mel_filter, inverse = mel_filters(SMALL)
    first = to_mel(log_spec, SMALL)
    expected = scipy.ndimage.zoom((mel_filter.T @ log_spec.T).astype(np.float32), [1, 0.5])[:, 1:-1]
    np.testing.assert_allclose(first, expected, atol=1e-6)
    other = dataclasses.replace(SMALL, mel_order="mel_then_log", time_zoom=1)
    np.testing.assert_allclose(to_mel(log_spec, other), np.log10(mel_filter.T @ 10**log_spec.T)[:, 1:-1], atol=1e-5)
    mel = np.random.RandomState(1).uniform(-4, 0, (16, 9))
    with np.errstate(divide="ignore"):
        spread = np.maximum(np.log10(inverse.T @ 10**mel), -4)
    np.testing.assert_allclose(from_mel(mel, other), spread.T, atol=1e-5)
    assert from_mel(mel, other).min() == -4


@pytest.mark.parametrize("order", ["log_then_mel", "mel_then_log"])
def test_constant_spectrogram_survives_both_ways(order):
    settings = dataclasses.replace(SMALL, mel_order=order)
    log_spec = np.full((40, 512), -1.25)
    mel = to_mel(log_spec, settings)
    np.testing.assert_allclose(mel, -1.25, atol=1e-5)
    inside = mel_filters(settings)[1].sum(axis=0) > 0.999
    np.testing.assert_allclose(from_mel(mel, settings)[:, inside], -1.25, atol=1e-4)


@given(frames=st.integers(8, 60), zoom=st.integers(1, 4), order=st.sampled_from(["log_then_mel", "mel_then_log"]))
@hypothesis_settings(deadline=None, max_examples=30)
def test_shapes_of_both_ways(frames, zoom, order):
    settings = dataclasses.replace(SMALL, time_zoom=zoom, mel_order=order)
    columns = round(frames / zoom) - 2
    log_spec = np.random.RandomState(frames).uniform(-4, 0, (frames, 512))
    if columns < 1:
        with pytest.raises(InputError, match="too short"):
            to_mel(log_spec, settings)
        return
    mel = to_mel(log_spec, settings)
    assert mel.shape == (16, columns)
    assert from_mel(mel, settings).shape == (columns * zoom, 512)


def test_published_image_shapes():
    assert image_shape(Settings()) == (96, 854)
    assert image_shape(Settings(representation="mfcc")) == (96, 854)
    assert image_shape(Settings(representation="spectrogram")) == (856, 512)


@pytest.mark.parametrize("representation", ["mel", "spectrogram", "mfcc"])
@pytest.mark.parametrize("axes", ["both", "time"])
@pytest.mark.parametrize("orientation", ["time_rows", "time_columns"])
@pytest.mark.parametrize("padding", ["released", "exact"])
@pytest.mark.parametrize("duration", [0.31, 0.5])
def test_image_shape_is_the_shape_of_the_image(representation, axes, orientation, padding, duration):
    settings = Settings(
        representation=representation,
        spec_zoom_axes=axes,
        spec_orientation=orientation,
        frame_padding=padding,
        duration=duration,
        spec_zoom=3,
        n_fft=1024,
        hop_length=100,
        n_mels=24,
        time_zoom=3,
    )
    sound = np.random.RandomState(0).standard_normal(round(duration * 22050))
    image, _ = values_to_image(spectrogram_to_values(log_spectrogram(sound, settings), settings), settings)
    assert image_to_tensor(image, settings).shape[2:] == image_shape(settings)


def test_too_short_for_an_image():
    for representation in ("mel", "spectrogram"):
        with pytest.raises(InputError, match="too short"):
            image_shape(Settings(duration=0.2, n_fft=16384, representation=representation))
