"""Loading, filtering and writing clips: the authors' numbers, conversions, and the write that is whole or nothing."""

import dataclasses
import os
import struct
import wave
from collections.abc import Callable, Mapping

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies
from scipy.io import wavfile

from audiostyle.audio.clip import bandpass, load_clip, to_int16, write_wav
from audiostyle.errors import InputError, RunError
from audiostyle.settings import Settings

Golden = Callable[[str], Mapping[str, np.ndarray]]
SHORT = Settings(duration=0.5)


def tones(rate, seconds):
    time = np.arange(round(rate * seconds)) / rate
    return 0.4 * np.sin(2 * np.pi * 440 * time) + 0.3 * np.sin(2 * np.pi * 1500 * time + 1)


@pytest.mark.parametrize(("clip", "file"), [("content", "rock17"), ("style", "reggae07")])
def test_golden_clips(shared, golden, clip, file):
    recorded = golden("audio.npz")
    samples = load_clip(shared / "clips" / f"{file}.wav", Settings())
    assert samples.dtype == np.float64
    np.testing.assert_array_equal(samples, recorded[f"{clip}_loaded"])
    rate, whole = wavfile.read(shared / "clips" / f"{file}.wav")
    assert rate == 22050
    np.testing.assert_array_equal(samples, whole[:220500] / 32768.0)
    later = load_clip(shared / "clips" / f"{file}.wav", Settings(duration=7.5), offset=12.25)
    start = round(12.25 * 22050)
    np.testing.assert_array_equal(later, whole[start : start + round(7.5 * 22050)] / 32768.0)
    np.testing.assert_allclose(bandpass(samples, Settings()), recorded[f"{clip}_pre"], rtol=0, atol=1e-12)


def test_bandpass_is_its_difference_equation(golden):
    b, a = golden("audio.npz")["butter_b"], golden("audio.npz")["butter_a"]
    samples = np.random.RandomState(0).standard_normal(50)
    expected = np.zeros(50)
    for n in range(50):
        expected[n] = sum(b[k] * samples[n - k] for k in range(3) if n >= k)
        expected[n] -= sum(a[k] * expected[n - k] for k in range(1, 3) if n >= k)
    before = samples.copy()
    np.testing.assert_allclose(bandpass(samples, Settings()), expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(samples, before)


@pytest.mark.parametrize("order", [1, 3])
def test_bandpass_passes_the_middle_and_stops_the_rest(order):
    settings = Settings(bandpass_low=500.0, bandpass_high=2000.0, bandpass_order=order)
    time = np.arange(22050) / 22050

    def gain(frequency):
        tone = np.sin(2 * np.pi * frequency * time)
        return float(np.linalg.norm(bandpass(tone, settings)[2000:]) / np.linalg.norm(tone[2000:]))

    assert gain(1000) > 0.95
    assert gain(500) == pytest.approx(np.sqrt(0.5), abs=0.01)
    assert gain(20) < 0.06**order
    assert gain(10500) < 0.3**order


@pytest.mark.parametrize(
    ("suffix", "subtype", "tolerance"),
    [
        ("wav", "PCM_16", 2**-15),
        ("wav", "PCM_U8", 2**-7),
        ("wav", "PCM_24", 2**-23),
        ("wav", "PCM_32", 1e-9),
        ("wav", "FLOAT", 1e-7),
        ("wav", "DOUBLE", 0),
        ("wav", "ULAW", 0.03),
        ("wav", "IMA_ADPCM", 0.2),
        ("flac", "PCM_16", 2**-15),
        ("aiff", "PCM_16", 2**-15),
        ("au", "PCM_16", 2**-15),
        ("caf", "PCM_16", 2**-15),
        ("ogg", "VORBIS", 0.1),
    ],
)
def test_formats(tmp_path, suffix, subtype, tolerance):
    sound = tones(22050, 0.7)
    soundfile.write(tmp_path / f"a.{suffix}", sound, 22050, subtype=subtype)
    np.testing.assert_allclose(load_clip(tmp_path / f"a.{suffix}", SHORT), sound[:11025], rtol=0, atol=tolerance)


def test_mp3(tmp_path):
    soundfile.write(tmp_path / "a.mp3", tones(22050, 1.0), 22050)
    samples = load_clip(tmp_path / "a.mp3", SHORT, offset=0.2)
    assert samples.shape == (11025,)
    spectrum = np.abs(np.fft.rfft(samples))
    assert abs(int(spectrum.argmax()) * 2 - 440) <= 2


def test_channels_are_averaged(tmp_path):
    channels = np.random.RandomState(0).uniform(-1, 1, (12000, 5))
    soundfile.write(tmp_path / "a.wav", channels, 22050, subtype="DOUBLE")
    np.testing.assert_allclose(load_clip(tmp_path / "a.wav", SHORT), channels[:11025].mean(axis=1), atol=1e-15)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22051, 32000, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_other_sample_rates_are_converted(tmp_path, rate, offset):
    soundfile.write(tmp_path / "a.wav", tones(rate, 1.0), rate, subtype="DOUBLE")
    samples = load_clip(tmp_path / "a.wav", SHORT, offset=offset)
    start = round(offset * 22050)
    expected = tones(22050, 1.0)[start : start + 11025]
    assert samples.shape == (11025,)
    inner = slice(300, -300)  # at the very beginning the filter rings
    np.testing.assert_allclose(samples[inner], expected[inner], rtol=0, atol=2e-3)


@pytest.mark.parametrize("rate", [8000, 16000, 22051, 44100, 48000])
@pytest.mark.parametrize("offset", [0.0, 0.1, 3.7, 4.123])
def test_a_stretch_is_a_stretch_of_the_whole_converted_file(tmp_path, rate, offset):
    sound = np.random.RandomState(rate).uniform(-0.5, 0.5, rate * 6)
    soundfile.write(tmp_path / "a.wav", sound, rate, subtype="DOUBLE")
    whole = load_clip(tmp_path / "a.wav", Settings(duration=6.0))
    start = round(offset * 22050)
    np.testing.assert_allclose(
        load_clip(tmp_path / "a.wav", SHORT, offset=offset), whole[start : start + 11025], rtol=0, atol=1e-5
    )


def test_exact_length_fits_at_any_rate(tmp_path):
    for rate in (8000, 22050, 44100, 48000):
        soundfile.write(tmp_path / "a.wav", tones(rate, 0.5), rate)
        assert load_clip(tmp_path / "a.wav", SHORT).shape == (11025,)


@pytest.mark.parametrize("rate", [22050, 44100])
@pytest.mark.parametrize("offset", [0.0, 0.123])
def test_duration_that_is_proposed_fits(tmp_path, rate, offset):
    soundfile.write(tmp_path / "a.wav", tones(rate, 0.98765), rate)
    with pytest.raises(InputError, match=r"is 0.988 s long, but 2 s .*--duration ([0-9.]+), ") as caught:
        load_clip(tmp_path / "a.wav", Settings(duration=2.0), offset=offset)
    proposed = float(str(caught.value).split("--duration ")[1].split(",")[0])
    assert proposed == pytest.approx(0.98765 - offset, abs=0.011)
    assert len(load_clip(tmp_path / "a.wav", Settings(duration=proposed), offset=offset)) == round(proposed * 22050)


@pytest.mark.parametrize("name", ["new\nline.wav", "späce ä.wav", b"\xff\xfe.wav", "\x1b[31m.wav", "a'b\".wav"])
def test_odd_names_are_read_and_written(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    write_wav(path, tones(22050, 0.6), SHORT)
    assert load_clip(path, SHORT).shape == (11025,)
    assert [os.fsencode(entry) for entry in os.listdir(tmp_path)] == [os.fsencode(path.name)]
    path.unlink()
    with pytest.raises(InputError) as caught:
        load_clip(path, SHORT)
    assert str(caught.value).isprintable()
    str(caught.value).encode()


def test_only_the_needed_part_of_a_long_file_is_read(tmp_path, monkeypatch):
    """Three hours in a sparse file, with one second of sound two hours in."""
    path = tmp_path / "long.wav"
    soundfile.write(path, tones(22050, 1.0), 22050)
    header = path.read_bytes()[:44]
    frames = 3 * 3600 * 22050
    with path.open("wb") as file:
        file.write(header[:4] + struct.pack("<I", 36 + 2 * frames) + header[8:40] + struct.pack("<I", 2 * frames))
        file.seek(44 + 2 * 7200 * 22050)
        file.write((tones(22050, 1.0) * 32767).astype("<i2").tobytes())
        file.truncate(44 + 2 * frames)
    original = soundfile.SoundFile.read

    def counted(self, size, **kwargs):
        block = original(self, size, **kwargs)
        with (tmp_path / "read").open("a") as note:  # by the process that decodes
            note.write(f"{len(block)}\n")
        return block

    monkeypatch.setattr(soundfile.SoundFile, "read", counted)
    np.testing.assert_allclose(load_clip(path, SHORT, offset=7200), tones(22050, 0.5), atol=1e-4)
    assert 11025 <= sum(map(int, (tmp_path / "read").read_text().split())) < 2 * (1 << 18)


def test_file_that_only_ffmpeg_knows(tmp_path, monkeypatch):
    left, right = tones(44100, 1.0), 0.5 * tones(44100, 1.0)
    whole = (np.stack([left, right], axis=1) * 30000).astype(np.int16)
    wavfile.write(tmp_path / "a.wav", 44100, whole)
    expected = load_clip(tmp_path / "a.wav", SHORT, offset=0.2)
    soundfile.write(tmp_path / "a.au", whole, 44100, subtype="PCM_16")
    (tmp_path / "ffmpeg").write_text(f"#!/bin/sh\nexec cat '{tmp_path}/a.au'\n")
    (tmp_path / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def refuse(*args, **kwargs):
        raise soundfile.LibsndfileError(1)

    monkeypatch.setattr(soundfile, "SoundFile", refuse)
    np.testing.assert_allclose(load_clip(tmp_path / "a.wav", SHORT, offset=0.2), expected, atol=1e-9)
    with pytest.raises(InputError, match=r"is 1.000 s long.*--duration 0\.8"):
        load_clip(tmp_path / "a.wav", Settings(duration=2.0), offset=0.2)


def test_golden_int16(golden):
    for mode in ("mel", "spec"):
        recorded = golden(f"inversion_{mode}.npz")
        whole = to_int16(recorded["samples"], Settings())
        assert whole.dtype == np.int16
        np.testing.assert_array_equal(whole, recorded["int16"])
        assert whole.min() == -32768


def test_positive_peak_wraps_or_is_clipped():
    samples = np.array([0.5, 1.0, -0.25, -0.99999, 2e-5])
    np.testing.assert_array_equal(to_int16(samples, Settings()), [16384, -32768, -8192, -32767, 0])
    clipped = to_int16(samples, Settings(int16_peak="clip"))
    np.testing.assert_array_equal(clipped, [16384, 32767, -8192, -32767, 0])
    np.testing.assert_array_equal(to_int16(-3 * samples, Settings()), [-16384, -32768, 8192, 32767, 0])


def test_level_of_the_content_clip():
    settings = Settings(output_level="content", int16_peak="clip")
    sound = np.random.RandomState(0).standard_normal(5000)
    quiet = to_int16(sound * 7, settings, level=0.05) / 32768
    assert np.sqrt(np.mean(quiet**2)) == pytest.approx(0.05, abs=1e-4)
    # Louder than full scale allows: as loud as it may be.
    np.testing.assert_array_equal(to_int16(sound, settings, level=0.9), to_int16(sound, Settings(int16_peak="clip")))
    with pytest.raises(ValueError, match="level"):
        to_int16(sound, settings)


@pytest.mark.parametrize("samples", [np.zeros(10), np.array([0.0, np.nan]), np.array([np.inf, 1.0]), np.empty(0)])
def test_result_that_is_no_sound(tmp_path, samples):
    with pytest.raises(RunError, match=r"silent|not finite"):
        write_wav(tmp_path / "a.wav", samples, Settings())
    assert os.listdir(tmp_path) == []


@given(
    samples=numpy_strategies.arrays(
        np.float64, st.integers(1, 200), elements=st.floats(-1e6, 1e6, allow_subnormal=False)
    ),
    peak=st.sampled_from(["wrap", "clip"]),
)
def test_int16_is_within_one_step_but_for_the_peak(samples, peak):
    loudest = np.abs(samples).max()
    if loudest < 1e-300:
        return
    whole = to_int16(samples, Settings(int16_peak=peak)).astype(int)
    exact = samples / loudest * 32768
    wrapped = exact >= 32767.5
    assert np.abs(whole - exact)[~wrapped].max(initial=0) <= 1
    expected = {32767, -32768} if peak == "wrap" else {32767}
    assert set(whole[wrapped]) <= expected


@given(seed=st.integers(0, 1000), size=st.integers(4410, 9000))
@hypothesis_settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_written_file_is_read_again(tmp_path, seed, size):
    sound = np.random.RandomState(seed).standard_normal(size)
    settings = Settings(duration=size / 22050)
    write_wav(tmp_path / "a.wav", sound, settings)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getparams()[:4] == (1, 2, 22050, size)
    np.testing.assert_array_equal(load_clip(tmp_path / "a.wav", settings), to_int16(sound, settings) / 32768)


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    (tmp_path / "a.wav").write_bytes(b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"could not be written to .*the disk is full"):
        write_wav(tmp_path / "a.wav", tones(22050, 0.1), Settings())
    assert os.listdir(tmp_path) == ["a.wav"]
    assert (tmp_path / "a.wav").read_bytes() == b"old"


def test_new_file_has_the_usual_permissions(tmp_path):
    write_wav(tmp_path / "a.wav", tones(22050, 0.1), dataclasses.replace(SHORT, sample_rate=44100))
    (tmp_path / "b").touch()
    assert (tmp_path / "a.wav").stat().st_mode == (tmp_path / "b").stat().st_mode
    assert wavfile.read(tmp_path / "a.wav")[0] == 44100


@pytest.mark.parametrize(
    ("name", "message"), [("", "is a folder"), ("none/a.wav", "no folder"), ("file/a.wav", "no folder")]
)
def test_places_that_cannot_be_written(tmp_path, name, message):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=message):
        write_wav(tmp_path / name, tones(22050, 0.1), Settings())


def test_name_that_is_too_long_to_write(tmp_path):
    with pytest.raises(InputError, match=r"cannot be written to .*the name is too long"):
        write_wav(tmp_path / ("a" * 300), tones(22050, 0.1), Settings())
    assert os.listdir(tmp_path) == []
