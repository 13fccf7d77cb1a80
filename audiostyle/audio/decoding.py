"""Decoding a stretch of a sound file, by libsndfile or, what that does not know, by ffmpeg.

Decoders are large and written in C, and what they read comes from anywhere: all of this is called in a child
process that they may crash (:func:`audiostyle.isolation.isolated`).
"""

import math
import os
import struct
import subprocess
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

import numpy as np

from audiostyle.errors import InputError
from audiostyle.settings import Settings

__all__ = ["FULL_SCALE", "Decoded", "decode", "decode_channels", "header_of"]

FULL_SCALE = 32768.0
# Beyond these no converter and no file of sound goes; they bound what a header can make us do.
_RATES = (1000, 768000)
_BLOCK_VALUES = 1 << 18
# Of ffmpeg's containers those that hold sound of their own; lists (HLS, DASH, concat) and scripts name other files of
# the user, and ffmpeg finds them behind an ID3 tag or a comment of any length.
_CONTAINERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,dtshd,eac3,flac,flv,iff,matroska,mov,mp3,mpc,mpc8,mpeg,mpegts,ogg,"
    "oma,rm,shn,tak,truehd,tta,voc,w64,wav,webm,wtv,wv,xwma"
)
_FFMPEG = ("ffmpeg", "-nostdin", "-v", "quiet", "-protocol_whitelist", "file", "-format_whitelist", _CONTAINERS)
# The header of Sun's .au: magic, where the samples begin, their bytes, coding, rate, channels.
_AU_HEADER = struct.Struct(">4s5I")


class Decoded(NamedTuple):
    """Mono samples at the file's rate, how many at the settings' rate to skip, and the file's length in seconds."""

    mono: np.ndarray
    rate: int
    skip: int
    length: float


def decode(path: str | os.PathLike[str], name: str, settings: Settings, offset: float) -> Decoded:
    """Decode a clip from `offset` on, in a process that a decoder's overflow cannot take the program with."""
    import soundfile

    try:
        with _opened(path) as file:
            rate, frames = file.samplerate, file.frames
            _check_header(name, rate, frames)
            start, count, skip = _stretch(rate, settings, offset)
            if start >= frames:
                return Decoded(np.empty(0), rate, 0, frames / rate)
            file.seek(start)
            mono = _gather(_blocks(file, count), 0, count)
        reason = None
    except (soundfile.SoundFileError, TypeError, ValueError) as error:
        reason = getattr(error, "error_string", str(error))
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror or error}.") from None
    if reason is not None:
        return _decode_otherwise(path, name, settings, offset, reason)
    if not len(mono) and not start:
        raise InputError(f"{name} holds no samples.")
    return Decoded(mono, rate, skip, (start + len(mono) if len(mono) < count else frames) / rate)


def decode_channels(path: str | os.PathLike[str], settings: Settings) -> tuple[np.ndarray, int]:
    """Decode the content's stretch with all its channels; return it, ``(n_samples, n_channels)``, and the rate."""
    with _opened(path) as file:
        rate = file.samplerate
        file.seek(min(round(settings.offset_content * rate), file.frames))
        return file.read(round(settings.duration * rate), dtype="float64", always_2d=True), rate


def header_of(path: str | os.PathLike[str]) -> tuple[float, int] | None:
    """Return a sound file's seconds and sample rate as libsndfile reads them, or None if it does not say."""
    import soundfile

    try:
        with _opened(path) as file:
            return (file.frames / file.samplerate, file.samplerate) if file.samplerate > 0 else None
    except (soundfile.SoundFileError, OSError, ValueError, TypeError):
        return None


def _opened(path: str | os.PathLike[str]) -> Any:
    """Open a sound file without its name, by whose end soundfile would take it for samples without a header (.raw)."""
    import soundfile

    return soundfile.SoundFile(os.open(path, os.O_RDONLY))


def _decode_otherwise(
    path: str | os.PathLike[str], name: str, settings: Settings, offset: float, reason: str
) -> Decoded:
    """As :func:`decode`, for what libsndfile does not know, by ffmpeg if it is installed."""
    # With the protocol named and an absolute path, nothing in a name is one ("concat:...") or an option.
    source = b"file:" + os.fsencode(os.path.abspath(path))
    command: list[str | bytes] = [*_FFMPEG, "-i", source, "-c:a", "pcm_s16be", "-f", "au", "pipe:1"]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            try:
                _, start, _, _, rate, channels = _AU_HEADER.unpack(process.stdout.read(_AU_HEADER.size))
                _check_header(name, rate, 1)
                process.stdout.read(start - _AU_HEADER.size)
                first, count, skip = _stretch(rate, settings, offset)
                mono = _gather(_ffmpeg_blocks(process.stdout, channels), first, count)
            finally:
                process.kill()
    except (OSError, struct.error):  # there is no ffmpeg, or nothing came from it
        if "does not exist" in reason:  # libsndfile's word for an MP3 without a good frame
            reason = "Its data are damaged"
        raise InputError(
            f"{name} is not a sound file that can be read ({reason.rstrip('.')}); convert it to WAV, FLAC, OGG or MP3."
        ) from None
    return Decoded(mono, rate, skip, (first + len(mono)) / rate)


def _ffmpeg_blocks(stream: IO[bytes], channels: int) -> Iterator[np.ndarray]:
    """Yield what ffmpeg writes as frames of shape ``(n, channels)``, in small blocks."""
    size = 2 * channels
    while data := stream.read(max(1, _BLOCK_VALUES // channels) * size):
        yield np.frombuffer(data[: len(data) // size * size], ">i2").reshape(-1, channels) / FULL_SCALE


def _check_header(name: str, rate: int, frames: int) -> None:
    """Raise InputError if a header's numbers cannot be those of a sound."""
    if not _RATES[0] <= rate <= _RATES[1]:
        raise InputError(
            f"{name} says it has {rate} samples per second, but {_RATES[0]} to {_RATES[1]} are expected; convert it."
        )
    if frames <= 0:
        raise InputError(f"{name} holds no samples.")


def _stretch(rate: int, settings: Settings, offset: float) -> tuple[int, int, int]:
    """Return the first input frame to read, how many, and the converted samples to skip.

    With another sample rate, reading begins a little early, for the converter's filter, and where an
    input frame and an output sample coincide, so that a stretch is a stretch of the whole converted file.
    """
    first = round(offset * settings.sample_rate)
    wanted = round(settings.duration * settings.sample_rate)
    if rate == settings.sample_rate:
        return first, wanted, 0
    common = math.gcd(rate, settings.sample_rate)
    step_in, step_out = rate // common, settings.sample_rate // common
    margin = 4096 * max(1.0, rate / settings.sample_rate)
    block = max(0, first // step_out - math.ceil(margin / step_in))
    last = math.ceil((first + wanted) * rate / settings.sample_rate + margin)
    return block * step_in, last - block * step_in, first - block * step_out


def _blocks(file: Any, count: int) -> Iterator[np.ndarray]:
    """Yield the next `count` frames of a SoundFile, or as many as are really there, in small blocks."""
    size = max(1, _BLOCK_VALUES // file.channels)
    while count > 0:
        block = file.read(min(size, count), dtype="float64", always_2d=True)
        if not len(block):
            return
        count -= len(block)
        yield block


def _gather(blocks: Iterator[np.ndarray], skip: int, count: int) -> np.ndarray:
    """Skip frames, then average the channels of `count` frames, or of as many as there are."""
    parts: list[np.ndarray] = [np.empty(0)]
    for block in blocks:
        skipped = min(skip, len(block))
        skip -= skipped
        block = block[skipped : skipped + count]
        count -= len(block)
        parts.append(block[:, 0] if block.shape[1] == 1 else block.mean(axis=1))
        if not count:
            break
    return np.concatenate(parts)
