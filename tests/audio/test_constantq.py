"""Constant-Q and chroma pictures: where a tone is, that a chord keeps its shape, and the way back."""

import dataclasses

import numpy as np
import pytest

from audiostyle.audio.chroma import CLASSES, band_height
from audiostyle.audio.constantq import LOWEST, cqt_frequencies
from audiostyle.audio.representation import image_shape, spectrogram_to_values, values_to_spectrogram
from audiostyle.audio.spectrogram import log_spectrogram
from audiostyle.demo.clips import make_clip
from audiostyle.errors import InputError
from audiostyle.pipeline import through_the_image
from audiostyle.settings import Settings

CQT = Settings(representation="cqt", duration=1.5)
CHROMA = Settings(representation="chroma", duration=1.5)


def tones(*frequencies, seconds=1.5):
    time = np.arange(round(seconds * 22050)) / 22050
    return sum(np.sin(2 * np.pi * frequency * time) for frequency in frequencies) / len(frequencies)


def picture(samples, settings):
    return spectrogram_to_values(log_spectrogram(samples, settings), settings, samples)


@pytest.mark.parametrize("settings", [CQT, CHROMA, dataclasses.replace(CQT, frame_padding="exact", duration=1.2345)])
def test_shape_is_the_one_promised(settings):
    values = picture(tones(440, seconds=settings.duration), settings)
    assert values.shape == image_shape(settings)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()


@pytest.mark.parametrize("row", [12, 31, 57, 80])
def test_a_tone_is_in_its_row_and_comes_back_at_its_frequency(row):
    frequency = cqt_frequencies(CQT)[row]
    values = picture(tones(frequency), CQT)
    middle = values[:, values.shape[1] // 2]
    assert middle.argmax() == row
    assert middle[row] > -0.3
    back = values_to_spectrogram(values, CQT)
    assert back.shape == (2 * values.shape[1], 1024)
    found = back[len(back) // 2].argmax() * 22050 / 2048
    assert abs(np.log2(found / frequency)) < 1 / 24 + 22050 / 2048 / frequency


def test_a_chord_an_octave_and_a_third_higher_is_the_same_picture_moved():
    chord = np.array([220.0, 277.18, 329.63])
    low, high = (picture(tones(*chord * 2 ** (shift / 12)), CQT) for shift in (0, 16))
    a, b = (values[:, 20:-20].mean(axis=1) for values in (low, high))
    # Down to a hundredth of the loudest; what the filters leave below that depends on the octave.
    near = np.maximum(a[:-16], -2), np.maximum(b[16:], -2)
    assert np.abs(near[0] - near[1])[8:-8].max() < 0.25
    assert np.abs(np.maximum(a, -2) - np.maximum(b, -2)).max() > 1


def test_a_click_is_in_the_column_of_the_other_pictures():
    samples = np.zeros(round(1.5 * 22050))
    samples[16000] = 1.0
    mel = picture(samples, dataclasses.replace(CQT, representation="mel"))
    top = picture(samples, CQT)[-12:].mean(axis=0)
    assert abs(int(top.argmax()) - int(mel.mean(axis=0).argmax())) <= 2


def test_what_is_outside_the_rows_is_silent_on_the_way_back():
    values = np.zeros(image_shape(CQT), np.float32)
    back = values_to_spectrogram(values, CQT)
    frequencies = np.arange(1024) * 22050 / 2048
    assert np.allclose(back[:, frequencies < 0.95 * LOWEST], -4)
    assert np.allclose(back[:, frequencies > 1.06 * cqt_frequencies(CQT)[-1]], -4)
    assert np.allclose(back[:, (frequencies > LOWEST) & (frequencies < 8000)], 0, atol=1e-5)


@pytest.mark.parametrize(("note", "frequency"), [(0, 523.25), (4, 329.63), (9, 440.0), (9, 880.0), (11, 246.94)])
def test_a_tone_is_in_its_pitch_class_and_comes_back_in_it(note, frequency):
    values = picture(tones(frequency), CHROMA)
    height = band_height(CHROMA)
    assert values.shape[0] == CLASSES * height == 96
    bands = values.reshape(CLASSES, height, -1)
    assert np.ptp(bands, axis=1).max() == 0
    assert bands[:, 0, 40].argmax() == note
    back = values_to_spectrogram(values, CHROMA)
    loudest = back[80].argmax() * 22050 / 2048
    # The nearest bin of the spectrogram can be a little more than half a semitone off.
    assert abs((12 * np.log2(loudest / 440) + 9 - note + 6) % 12 - 6) < 0.8


@pytest.mark.parametrize("kind", ["cqt", "chroma"])
def test_the_way_back_keeps_what_the_picture_knows(kind):
    samples = make_clip("reggae", 3.0)
    settings = dataclasses.replace(CQT, representation=kind, duration=3.0, inversion="griffinlim")
    before, after = picture(samples, settings), picture(through_the_image(samples, settings)[: len(samples)], settings)
    columns = min(before.shape[1], after.shape[1])
    r = np.corrcoef(before[:, :columns].ravel(), after[:, :columns].ravel())[0, 1]
    assert r > {"cqt": 0.85, "chroma": 0.75}[kind]


def test_what_has_no_picture_is_a_sentence():
    with pytest.raises(InputError, match="silent"):
        spectrogram_to_values(np.zeros((250, 1024)), CQT, np.zeros(33000))
    with pytest.raises(InputError, match="multiple of 64"):
        picture(tones(440), dataclasses.replace(CQT, hop_length=100))
    with pytest.raises(InputError, match="above the floor"):
        spectrogram_to_values(np.full((250, 1024), -4.0), CHROMA, np.zeros(33000))
    with pytest.raises(InputError, match="too short"):
        spectrogram_to_values(np.zeros((4, 1024)), CHROMA, np.zeros(600))
