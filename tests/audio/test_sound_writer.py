"""The file of a result: its form, its channels, its rate and its level."""

import dataclasses

import numpy as np
import pytest
import soundfile

from audiostyle.audio.clip import write_wav
from audiostyle.audio.loudness import loudness
from audiostyle.audio.output_level import level_of
from audiostyle.audio.sound_writer import check_clip, read_channels, sound_name, write_sound
from audiostyle.errors import InputError, RunError
from audiostyle.settings import Settings

SETTINGS = Settings(duration=1.0)
SAMPLES = np.random.RandomState(0).standard_normal(22050) * np.sin(np.arange(22050) / 3000) ** 2


@pytest.fixture
def clip(tmp_path):
    """Two seconds at 44100 Hz, ten times louder on the left."""
    sound = np.random.RandomState(1).uniform(-0.1, 0.1, (88200, 1)) * [1.0, 0.1]
    soundfile.write(tmp_path / "content.flac", sound, 44100)
    return str(tmp_path / "content.flac")


def written(tmp_path, clip, **changes):
    settings = dataclasses.replace(SETTINGS, **changes)
    path = tmp_path / sound_name(settings)
    level = level_of(read_channels(clip, settings)[0].mean(axis=1), settings)
    write_sound(path, SAMPLES, clip, settings, level)
    return soundfile.read(path, always_2d=True)[0], soundfile.info(path)


def test_with_released_settings_it_is_the_released_file(tmp_path):
    write_sound(tmp_path / "a.wav", SAMPLES, "no such clip", SETTINGS)
    write_wav(tmp_path / "b.wav", SAMPLES, SETTINGS)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


@pytest.mark.parametrize(
    ("form", "ending", "subtype", "step"),
    [
        ("wav24", ".wav", "PCM_24", 2**-23),
        ("wav_float", ".wav", "FLOAT", 2**-24),
        ("flac", ".flac", "PCM_24", 2**-23),
        ("ogg", ".ogg", "VORBIS", 0.1),
    ],
)
def test_every_form(form, ending, subtype, step, tmp_path, clip):
    sound, info = written(tmp_path, clip, output_format=form)
    assert (info.subtype, info.samplerate, info.channels) == (subtype, 22050, 1)
    assert (tmp_path / f"output{ending}").exists()
    wanted = SAMPLES / np.abs(SAMPLES).max()
    assert np.sqrt(np.mean((sound[: len(wanted), 0] - wanted) ** 2)) <= step


def test_channels_and_rate_of_the_content(tmp_path, clip):
    sound, info = written(tmp_path, clip, output_channels="content", output_rate="content")
    assert (info.samplerate, info.channels, info.subtype) == (44100, 2, "PCM_16")
    assert abs(info.frames - 44100) <= 2
    left, right = np.sqrt(np.mean(sound[4000:-4000] ** 2, axis=0))
    assert left / right == pytest.approx(10, rel=0.1)


def test_rate_alone(tmp_path, clip):
    _, info = written(tmp_path, clip, output_rate="content")
    assert (info.samplerate, info.channels) == (44100, 1)


@pytest.mark.parametrize("changes", [{}, {"output_channels": "content", "output_rate": "content"}])
def test_as_loud_as_the_content(changes, tmp_path, clip):
    sound, info = written(tmp_path, clip, output_level="loudness", output_format="wav24", **changes)
    content = read_channels(clip, SETTINGS)[0]
    if not changes:
        content = content.mean(axis=1)
    assert loudness(sound, info.samplerate) == pytest.approx(loudness(content, 22050), abs=0.2)


def test_a_content_below_every_gate_is_no_measure(tmp_path, clip):
    settings = dataclasses.replace(SETTINGS, output_level="loudness", output_format="wav24")
    write_sound(tmp_path / "a.wav", SAMPLES, clip, settings, level=level_of(np.full(22050, 1e-6), settings))
    assert np.abs(soundfile.read(tmp_path / "a.wav")[0]).max() > 0.99


def test_no_louder_than_full_scale(tmp_path, clip):
    settings = dataclasses.replace(SETTINGS, output_level="loudness", output_format="wav_float")
    write_sound(tmp_path / "a.wav", SAMPLES, clip, settings, level=10.0)
    assert np.abs(soundfile.read(tmp_path / "a.wav")[0]).max() == pytest.approx(1.0)


def test_the_stretch_is_the_contents(clip):
    settings = dataclasses.replace(SETTINGS, duration=0.5, offset_content=1.0)
    channels, rate = read_channels(clip, settings)
    assert (channels.shape, rate) == ((11025, 2), 44100)
    whole = read_channels(clip, dataclasses.replace(SETTINGS, duration=2.0))[0]
    np.testing.assert_allclose(channels[1000:-1000], whole[23050:-12025][: 11025 - 2000], atol=1e-3)


def test_what_cannot_be_asked_is_refused_before_the_descent(tmp_path, clip):
    other = tmp_path / "content.m4a"
    other.write_bytes(b"nothing that libsndfile knows")
    check_clip(str(other), SETTINGS)
    with pytest.raises(InputError, match="convert it"):
        check_clip(str(other), dataclasses.replace(SETTINGS, output_rate="content"))
    check_clip(clip, dataclasses.replace(SETTINGS, output_rate="content"))


def test_silence_and_a_missing_folder_are_refused(tmp_path, clip):
    settings = dataclasses.replace(SETTINGS, output_format="flac")
    with pytest.raises(RunError, match="silent"):
        write_sound(tmp_path / "a.flac", np.zeros(100), clip, settings)
    with pytest.raises(RunError, match="cannot be written"):
        write_sound(tmp_path / "no folder" / "a.flac", SAMPLES, clip, settings)
