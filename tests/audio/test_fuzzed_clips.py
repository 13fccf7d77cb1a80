"""A minute of damaged clips in every form: each is read, or refused in one sentence, within the limits."""

import io
import os
import shutil
import subprocess

import numpy as np
import pytest
import soundfile
from fuzzing import for_some_time, pieces, written

from audiostyle.audio.clip import load_clip
from audiostyle.audio.sound_writer import check_clip, read_channels
from audiostyle.settings import Settings
from audiostyle.study.evaluate.measured_files import _length

SETTINGS = Settings(duration=0.2, output_channels="content")
SAMPLES = np.random.RandomState(0).uniform(-0.9, 0.9, (8820, 2))


def every_form():
    """A short clip in every container and coding that libsndfile can write."""
    clips = {}
    for form in soundfile.available_formats():
        for coding in soundfile.available_subtypes(form):
            for channels in (1, 2):
                stream = io.BytesIO()
                try:
                    with soundfile.SoundFile(stream, "w", 22050, channels, coding, format=form) as file:
                        file.write(SAMPLES[:, :channels])
                except (soundfile.SoundFileError, ValueError):
                    continue
                clips[f"{form} {coding} {channels}"] = stream.getvalue()
    return clips


def load(path):
    """Load a clip in all ways that there are."""
    _length(os.fspath(path))
    samples = load_clip(path, SETTINGS)
    assert samples.shape == (4410,)
    assert np.isfinite(samples).all()
    check_clip(os.fspath(path), SETTINGS)
    channels, _ = read_channels(os.fspath(path), SETTINGS)
    assert channels.ndim == 2


@pytest.mark.slow
def test_damaged_clips_are_read_or_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")  # ffmpeg would be started for each
    clips = every_form()
    assert len(clips) > 100
    for_some_time(40, pieces(clips), lambda damaged: load(written(tmp_path / "clip.wav", damaged[1])))


@pytest.mark.slow
def test_damaged_clips_for_ffmpeg_are_read_or_refused(tmp_path):
    if not shutil.which("ffmpeg"):
        pytest.skip("needs ffmpeg")
    soundfile.write(tmp_path / "whole.wav", SAMPLES, 22050)
    clips = {}
    for suffix in ("m4a", "mka", "wma", "ts", "avi", "ac3", "tta", "wv", "flv"):
        made = tmp_path / f"whole.{suffix}"
        command = ["ffmpeg", "-v", "quiet", "-i", tmp_path / "whole.wav", made]
        if subprocess.run(command, check=False).returncode == 0:
            clips[suffix] = made.read_bytes()
    for_some_time(20, pieces(clips), lambda damaged: load(written(tmp_path / "clip", damaged[1])), least=10)
