"""Whatever decodes sounds or pictures may crash: it does so in a child process, and the file is named."""

import os

import matplotlib.image
import numpy as np
import pytest
import soundfile
from PIL import Image

from audiostyle.audio.clip import load_clip
from audiostyle.audio.sound_writer import check_clip, read_channels
from audiostyle.errors import InputError
from audiostyle.settings import Settings
from audiostyle.study.evaluate.measured_files import _length
from audiostyle.study.reproduce.page import _picture
from audiostyle.weights.picture_folder import read_pictures

STEREO = Settings(duration=0.5, output_channels="content")


def crash(*arguments, **options):
    os.abort()


@pytest.fixture
def clip(tmp_path):
    path = os.fspath(tmp_path / "clip.wav")
    soundfile.write(path, np.random.RandomState(0).uniform(-0.5, 0.5, 22050), 22050)
    return path


@pytest.mark.parametrize(
    "use",
    [
        lambda clip: load_clip(clip, STEREO),
        lambda clip: check_clip(clip, STEREO),
        lambda clip: read_channels(clip, STEREO),
        lambda clip: _length(clip),
    ],
    ids=["samples", "what the content says", "all channels", "length of an output"],
)
def test_sounds(use, clip, monkeypatch):
    use(clip)
    for name in ("info", "SoundFile"):
        monkeypatch.setattr(soundfile, name, crash)
    with pytest.raises(InputError, match=r"clip\.wav' ends in a crash"):
        use(clip)


def test_pictures(tmp_path, monkeypatch):
    Image.new("RGB", (300, 300)).save(tmp_path / "photo.png")
    assert len(list(read_pictures([tmp_path / "photo.png"]))) == 1
    monkeypatch.setattr(Image, "open", crash)
    with pytest.raises(InputError, match=r"photo\.png' ends in a crash"):
        list(read_pictures([tmp_path / "photo.png"]))


def test_pictures_of_a_page(monkeypatch):
    with pytest.raises(InputError, match=r"3b/mel\.png' fails .*not a PNG file"):
        _picture("3b/mel.png", "mel", {"3b/mel.png": b"<html>"})
    monkeypatch.setattr(matplotlib.image, "imread", crash)
    with pytest.raises(InputError, match=r"3b/mel\.png' ends in a crash"):
        _picture("3b/mel.png", "mel", {"3b/mel.png": b""})
