"""Files that are no clips: each must give one printable sentence, quickly and in little memory."""

import contextlib
import io
import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from audiostyle.audio.clip import load_clip
from audiostyle.errors import InputError
from audiostyle.settings import Settings

SHORT = Settings(duration=0.5)
NOISE = np.random.RandomState(0).randint(-9999, 9999, 22050).astype("<i2")
NOISE_BYTES = NOISE.tobytes()


def riff(data=NOISE_BYTES, *, rate=22050, channels=1, bits=16, kind=1, said=None, align=None):
    """A WAV file; `said` is the length of the data as its header has it."""
    said = len(data) if said is None else said
    align = channels * bits // 8 if align is None else align
    form = struct.pack("<HHIIHH", kind, channels, rate, (rate * align) & 0xFFFFFFFF, align & 0xFFFF, bits)
    total = (36 + said) & 0xFFFFFFFF
    return b"RIFF" + struct.pack("<I", total) + b"WAVEfmt \x10\0\0\0" + form + b"data" + struct.pack("<I", said) + data


def flac(frames=None, keep=1.0):
    """A FLAC file; `frames` is what its header says, `keep` how much of the file is there."""
    buffer = io.BytesIO()
    soundfile.write(buffer, NOISE, 22050, format="FLAC")
    whole = bytearray(buffer.getvalue())
    if frames is not None:  # the last 36 bits before the checksum of the STREAMINFO block
        whole[21:26] = bytes([whole[21] & 0xF0 | frames >> 32, *struct.pack(">I", frames & 0xFFFFFFFF)])
    return bytes(whole[: int(len(whole) * keep)])


def floats(value, at=5000):
    samples = NOISE.astype("<f4") / 32768
    samples[at] = value
    return riff(samples.tobytes(), bits=32, kind=3)


def loop(path):
    path.symlink_to(path.with_name("other"))
    path.with_name("other").symlink_to(path)


def listen(path):
    socket.socket(socket.AF_UNIX).bind(os.path.relpath(path))


Case = bytes | Callable[[Path], object]
CASES = {
    "missing": (lambda path: None, "There is no file"),
    "dangling link": (lambda path: path.symlink_to("nowhere"), "There is no file"),
    "loop of links": (loop, "cannot be opened: Too many levels"),
    "folder": (Path.mkdir, "is a folder"),
    "pipe": (os.mkfifo, "is a pipe"),
    "socket": (listen, "is a pipe, a socket"),
    "link to /dev/zero": (lambda path: path.symlink_to("/dev/zero"), "a device"),
    "link to /dev/null": (lambda path: path.symlink_to("/dev/null"), "a device"),
    "link to /proc": (lambda path: path.symlink_to("/proc/self/status"), "is an empty file"),
    "empty": (b"", "is an empty file"),
    "one byte": (b"R", "not a sound file"),
    "text": (b"not a sound\n" * 200, "not a sound file"),
    "zeros": (bytes(100_000), "not a sound file"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(1000), "not a sound file"),
    "web page": (b"<!DOCTYPE html><html>404</html>", "not a sound file"),
    "random": (np.random.RandomState(1).bytes(50_000), "not a sound file|no samples|samples per second"),
    "RIFF alone": (b"RIFF\xff\xff\xff\xffWAVE", "not a sound file"),
    "cut in the header": (riff()[:30], "not a sound file"),
    "header alone": (riff(b""), "no samples"),
    "half a sample": (riff(b"\x01"), "no samples"),
    "no channel": (riff(channels=0), "not a sound file"),
    "too many channels for its data": (riff(channels=65535), "not a sound file|no samples"),
    "unknown coding": (riff(kind=0x4242), "not a sound file"),
    "no sample rate": (riff(rate=0), "not a sound file|samples per second"),
    "one sample per second": (riff(rate=1), "samples per second"),
    "a billion samples per second": (riff(rate=10**9), "samples per second"),
    "silent": (riff(bytes(44100)), "holds no sound"),
    "constant": (riff(struct.pack("<h", 77) * 22050), "holds no sound"),
    "channels that cancel": (riff(np.stack([NOISE, -NOISE], axis=1).tobytes(), channels=2), "holds no sound"),
    "NaN": (floats(np.nan), "not finite"),
    "infinity": (floats(-np.inf), "not finite"),
    "NaN at another rate": (
        floats(np.nan).replace(struct.pack("<I", 22050), struct.pack("<I", 44100), 1),
        "not finite",
    ),
    "huge": (floats(1e38), "full scale is 1"),
    "too short": (riff(NOISE[:8000].tobytes()), r"0\.363 s long.*--duration 0\.36"),
    "far too short": (riff(NOISE[:100].tobytes()), "choose a longer file"),
    "three hours said, none there": (riff(b"", said=3 * 3600 * 22050 * 2), "no samples"),
    "three hours said, little there": (riff(NOISE[:2000].tobytes(), said=3 * 3600 * 22050 * 2), "longer file"),
    "all said, little there": (riff(NOISE[:2000].tobytes(), said=0xFFFFFFFF), "longer file"),
    "FLAC cut off": (flac(keep=0.3), "s long|not a sound file"),
    "FLAC that says three hours": (flac(keep=0.3, frames=3 * 3600 * 22050), "s long|not a sound file"),
    "FLAC that says months": (flac(keep=0.3, frames=2**36 - 1), "s long|not a sound file"),
    "FLAC header alone": (flac(keep=0.001), "not a sound file"),
    "OGG header alone": (b"OggS" + bytes(60), "not a sound file"),
    "MP3 mark alone": (b"ID3\x03\0\0\0\0\x0f\x7f" + bytes(2000), "not a sound file|no samples"),
}


@pytest.fixture(autouse=True)
def no_hanging():
    def give_up(number, frame):
        raise AssertionError("the test hangs")

    previous = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, 60)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.wav"
    path.write_bytes(riff())
    return path


def refused(path, settings=SHORT, offset=0.0):
    """The sentence that the file is refused with."""
    with pytest.raises(InputError) as caught:
        load_clip(path, settings, offset)
    text = str(caught.value)
    assert text.isprintable()
    assert text.endswith(".")
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return text


@pytest.mark.parametrize("name", CASES)
def test_hostile_file(tmp_path, monkeypatch, good, name):
    monkeypatch.chdir(tmp_path)
    case, message = CASES[name]
    if isinstance(case, bytes):
        Path("clip.wav").write_bytes(case)
    else:
        case(Path("clip.wav").absolute())
    begin = time.process_time()
    with memory_limited(150e6):
        text = refused("clip.wav")
    assert re.search(message, text)
    assert "clip.wav" in text
    assert time.process_time() - begin < 2


@contextlib.contextmanager
def memory_limited(more):
    """Let this process and its children have so many bytes of address space more than now."""
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (in_use + int(more), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


_HLS = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.ts\n#EXT-X-ENDLIST\n"
_CONCAT = b"ffconcat version 1.0\nfile secret.wav\n"
_DASH = (
    b"<MPD xmlns='urn:mpeg:dash:schema:mpd:2011' profiles='urn:mpeg:dash:profile:isoff-on-demand:2011' type='static' "
    b"mediaPresentationDuration='PT2S'><Period><AdaptationSet mimeType='audio/mp4'><Representation id='0' "
    b"bandwidth='9'><BaseURL>secret.m4a</BaseURL></Representation></AdaptationSet></Period></MPD>"
)
# An ID3 tag of 5000 bytes, which ffmpeg skips before it looks what follows.
_ID3 = b"ID3\x04\0\0" + bytes((0, 0, 5000 >> 7, 5000 & 127)) + bytes(5000)
LISTS = {
    "concat": _CONCAT,
    "concat behind ID3": _ID3 + _CONCAT,
    "concat of another protocol": b"ffconcat version 1.0\nfile http://127.0.0.1:9/secret.wav\n",
    "HLS": _HLS,
    "HLS behind ID3": _ID3 + _HLS,
    "HLS with a path": _HLS.replace(b"secret.ts", b"file:secret.ts"),
    "DASH": b"<?xml version='1.0'?>" + _DASH,
    "DASH behind a comment": b"\xef\xbb\xbf<?xml version='1.0'?><!--" + b"a" * 5000 + b"-->" + _DASH,
    "session": _ID3 + b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nc=IN IP4 127.0.0.1\r\nm=audio 5004 RTP/AVP 0\r\n",
}


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    """A folder with sounds of the user that a list may name."""
    if not shutil.which("ffmpeg"):
        pytest.skip("needs ffmpeg")
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "secret.wav").write_bytes(riff())
    for name in ("secret.ts", "secret.m4a"):
        subprocess.run(["ffmpeg", "-v", "error", "-i", folder / "secret.wav", folder / name], check=True)
    return folder


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_other_files_is_no_clip(kind, secrets):
    for name in ("clip.wav", "clip.m3u8"):
        (secrets / name).write_bytes(LISTS[kind])
        assert "not a sound file" in refused(secrets / name)


def test_what_ffmpeg_knows_is_read(secrets):
    for name in ("secret.ts", "secret.m4a"):
        assert load_clip(secrets / name, SHORT).std() > 0.01


def test_ffmpeg_is_given_a_whole_path_and_may_open_nothing_else(tmp_path, monkeypatch):
    started = ffmpeg(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    for name in ("concat:secret.wav|other.wav", "-version"):
        Path(name).write_bytes(b"\0\0\0\x20ftypM4A " + bytes(1000))
        refused(name)
        before, _, after = started.read_text().splitlines()[-1].partition(" -i ")
        assert after.startswith(f"file:{tmp_path}/{name} ")
        assert "-protocol_whitelist file -format_whitelist aac," in before
        assert not re.search(r"concat|hls|dash|sdp|image2|lavfi", before)


def ffmpeg(folder, monkeypatch):
    """Put a program that only notes what it is given before any ffmpeg; return where it notes it."""
    (folder / "bin").mkdir()
    (folder / "bin" / "ffmpeg").write_text(f'#!/bin/sh\n[ "$1" = -version ] || echo "$@" >> "{folder}/started"\n')
    (folder / "bin" / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}/bin:{os.environ['PATH']}")
    return folder / "started"


def test_the_good_file_is_good(good):
    np.testing.assert_array_equal(load_clip(good, SHORT), NOISE[:11025] / 32768)


@pytest.mark.parametrize(
    "content",
    [
        riff(said=0xFFFFFFFF),
        riff(align=0),
        riff(channels=0xFF, rate=22050, data=np.repeat(NOISE, 0xFF).tobytes()),
        flac(frames=3 * 3600 * 22050),
        flac(keep=0.8),
        riff() + b"LIST\xff\xff\xff\xff" + bytes(50),
    ],
    ids=["length of a stream", "no block size", "255 channels", "FLAC of 3 hours", "FLAC cut off later", "loose end"],
)
def test_odd_file_with_the_sound_in_it_is_read(tmp_path, content):
    (tmp_path / "clip.wav").write_bytes(content)
    np.testing.assert_allclose(load_clip(tmp_path / "clip.wav", SHORT), NOISE[:11025] / 32768, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none/clip.wav", "There is no file"),
        ("good.wav/clip.wav", "cannot be opened: Not a directory"),
        ("a" * 300, "cannot be opened: File name too long"),
        ("a\0b.wav", "cannot be opened: .*embedded null"),
        ("new\nline.wav", r"'new\\nline.wav'"),
        ("\x1b[2J.wav", r"\\x1b\[2J"),
        (os.fsdecode(b"\xff.wav"), r"\\udcff.wav"),
        ("\u202egnp.wav", r"\\u202e"),
        ("", "There is no file ''"),
    ],
)
def test_hostile_name(tmp_path, monkeypatch, good, name, message):
    monkeypatch.chdir(tmp_path)
    assert re.search(message, refused(name))


@pytest.mark.parametrize("name", ["clip.raw", "clip.RAW", "clip.mp3", "clip", "clip.flac"])
def test_the_suffix_decides_nothing(tmp_path, monkeypatch, name):
    monkeypatch.setenv("PATH", "")  # without ffmpeg
    (tmp_path / name).write_bytes(b"nonsense")
    assert "not a sound file" in refused(tmp_path / name)
    (tmp_path / name).write_bytes(riff())
    assert load_clip(tmp_path / name, SHORT).shape == (11025,)


def test_unreadable_file(good, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # the superuser may read everything
    assert "may not be read by this user" in refused(good)


def test_file_that_fails_while_it_is_read(good, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(soundfile.SoundFile, "read", fail)
    assert "cannot be read: Input/output error" in refused(good)


@pytest.mark.parametrize("offset", [-1.0, float("nan"), float("inf")])
def test_offset_that_is_none(good, offset):
    assert "0 or more" in refused(good, offset=offset)


@pytest.mark.parametrize("offset", [0.8, 1.0, 5.0, 1e6])
def test_offset_past_the_sound(good, offset):
    assert f"1.000 s long, but 0.5 s from {offset:g} s on were asked for; " in refused(good, offset=offset)


def read_or_refused(path, content):
    path.write_bytes(content)
    try:
        samples = load_clip(path, Settings(duration=0.2))
    except InputError as error:
        text = str(error)
    else:
        text = "read"
        assert samples.shape == (4410,)
        assert np.isfinite(samples).all()
    assert text.isprintable()


@pytest.fixture
def no_ffmpeg(monkeypatch):
    """Where it is installed, it would be started a quarter of a second for each file."""
    monkeypatch.setenv("PATH", "")


FUZZ = hypothesis_settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEEDS = [riff()[:9000], floats(0.5)[:30000], flac()[:20000], riff(channels=2)[:20000]]


@given(
    content=st.binary(max_size=400), start=st.sampled_from([b"", b"RIFF", riff()[:12], riff()[:36], b"fLaC", b"OggS"])
)
@FUZZ
@pytest.mark.usefixtures("no_ffmpeg")
def test_random_bytes(tmp_path, content, start):
    read_or_refused(tmp_path / "clip.wav", start + content)


@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), min_size=1, max_size=6),
    length=st.integers(0, 30000),
)
@FUZZ
@pytest.mark.usefixtures("no_ffmpeg")
def test_changed_headers(tmp_path, seed, changes, length):
    content = bytearray(seed)
    for place, value in changes:
        content[place] = value
    read_or_refused(tmp_path / "clip.wav", bytes(content[: max(length, 61)]))
