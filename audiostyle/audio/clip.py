"""Sound files and samples: load a stretch of a clip, band-pass it, write a result.

Loading is the one place where a file from outside enters, so everything that can be wrong with such
a file is found here and said in one sentence.
"""

import contextlib
import math
import os
import stat
import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np

from audiostyle.audio.output_level import scaled
from audiostyle.errors import InputError, RunError
from audiostyle.settings import Settings

__all__ = ["bandpass", "load_clip", "to_int16", "write_wav"]

_FULL_SCALE = 32768.0
# Beyond these no converter and no file of sound goes; they bound what a header can make us do.
_RATES = (1000, 768000)
_LOUDEST = 1e30
_BLOCK_VALUES = 1 << 18


def load_clip(path: str | os.PathLike[str], settings: Settings, offset: float = 0.0) -> np.ndarray:
    """Read ``settings.duration`` seconds of a sound file as mono samples.

    Only the part that is needed is read.  Channels are averaged; another sample rate than
    ``settings.sample_rate`` is converted by soxr (``soxr_hq``).  A 16-bit mono file of the right
    rate, as the paper's are, gives exactly its integers divided by 32768 (audioUtils.py:26).

    Parameters
    ----------
    path : str or os.PathLike
        Any file that libsndfile reads, or audioread where it finds a decoder.
    settings : Settings
        ``sample_rate`` in Hz and ``duration`` in seconds are used.
    offset : float
        Seconds skipped at the beginning of the file [>= 0].

    Returns
    -------
    np.ndarray
        Samples of shape ``(n_samples,)``, float64, full scale at 1, exactly
        ``round(duration * sample_rate)`` of them.

    Raises
    ------
    InputError
        If the file is missing, unreadable, no regular file, no sound, empty, too short, silent, or
        holds numbers that are not finite.
    """
    name = _shown(path)
    _check_file(path, name)
    if not (math.isfinite(offset) and offset >= 0):
        raise InputError(f"The offset into {name} is {offset!r}, but it must be a finite number of seconds, 0 or more.")
    try:
        samples, length = _read(path, name, settings, offset)
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror or error}.") from None
    wanted = round(settings.duration * settings.sample_rate)
    if len(samples) < wanted:
        raise InputError(_too_short(name, settings, offset, length))
    samples = samples[:wanted]
    if not np.isfinite(samples).all():
        raise InputError(f"{name} holds samples that are not finite numbers (NaN or infinity); save it again as PCM.")
    if np.abs(samples).max() > _LOUDEST:
        raise InputError(f"{name} holds samples beyond {_LOUDEST:g}, but full scale is 1; save it again as PCM.")
    if np.ptp(samples) == 0:
        raise InputError(
            f"{name} holds no sound from {offset:g} s to {offset + settings.duration:g} s (every sample is "
            f"{samples[0]:g}); choose another stretch or another file."
        )
    return samples


def bandpass(samples: np.ndarray, settings: Settings) -> np.ndarray:
    """Band-pass samples as the authors do before analysis (mfcc.py:16-25).

    Parameters
    ----------
    samples : np.ndarray
        Samples of shape ``(n_samples,)``.
    settings : Settings
        ``bandpass_low`` and ``bandpass_high`` in Hz, ``bandpass_order``, ``sample_rate``.

    Returns
    -------
    np.ndarray
        Filtered samples of shape ``(n_samples,)``, float64; a causal filter, so its phase is not zero.
    """
    import scipy.signal

    nyquist = 0.5 * settings.sample_rate
    edges = [settings.bandpass_low / nyquist, settings.bandpass_high / nyquist]
    numerator, denominator = scipy.signal.butter(settings.bandpass_order, edges, btype="band")
    return scipy.signal.lfilter(numerator, denominator, samples)


def to_int16(samples: np.ndarray, settings: Settings, level: float | None = None) -> np.ndarray:
    """Scale samples to 16-bit integers, cutting off fractions as the authors' cast does (T13).

    Parameters
    ----------
    samples : np.ndarray
        Samples of shape ``(n_samples,)``, any scale.
    settings : Settings
        What :func:`~audiostyle.audio.output_level.scaled` uses; ``int16_peak`` says what 32768 becomes.
    level : float, optional
        As for :func:`~audiostyle.audio.output_level.scaled`.

    Returns
    -------
    np.ndarray
        int16 of the shape of `samples`.

    Raises
    ------
    RunError
        If the samples are silent or not finite.
    """
    whole = np.trunc(scaled(samples, settings, level) * _FULL_SCALE).astype(np.int32)
    if settings.int16_peak == "clip":
        return np.minimum(whole, 32767).astype(np.int16)
    # Between integers numpy keeps the low bits on every machine; from a float, the result of 32768
    # would be the processor's choice.
    return whole.astype(np.int16)


def write_wav(
    path: str | os.PathLike[str], samples: np.ndarray, settings: Settings, level: float | None = None
) -> None:
    """Write samples as a 16-bit mono WAV file, whole or not at all.

    Parameters
    ----------
    path : str or os.PathLike
        The file to write; an existing one is replaced in one step.
    samples : np.ndarray
        Samples of shape ``(n_samples,)``, any scale.
    settings : Settings
        ``sample_rate`` in Hz, and what :func:`to_int16` uses.
    level : float, optional
        As for :func:`to_int16`.

    Raises
    ------
    InputError
        If the folder does not exist or `path` is a folder.
    RunError
        If the samples are silent or not finite, or the file cannot be written.
    """
    from scipy.io import wavfile

    values = to_int16(samples, settings, level)
    target = os.fsdecode(path)
    name = _shown(path)
    if os.path.isdir(target):
        raise InputError(f"The sound cannot be written to {name}: it is a folder; name a file.")
    folder = os.path.dirname(target) or "."
    if not os.path.isdir(folder):
        raise InputError(f"The sound cannot be written to {name}: there is no folder {_shown(folder)}; make it first.")
    beside = os.path.join(folder, f".{uuid.uuid4().hex}.part")
    try:
        with open(beside, "xb") as file:
            wavfile.write(file, settings.sample_rate, values)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except OSError as error:
        raise RunError(f"The sound cannot be written to {name}: {error.strerror or error}.") from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(beside)


def _shown(path: str | bytes | os.PathLike[Any]) -> str:
    """Quote a file name so that newlines, terminal codes and undecodable bytes stay visible."""
    return repr(os.fsdecode(path))


def _check_file(path: str | os.PathLike[str], name: str) -> None:
    """Raise InputError unless `path` is a regular file with something in it that may be read."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise InputError(f"There is no file {name}; check the name and the folder.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"The file {name} cannot be opened: {reason}.") from None
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{name} is a folder, but a sound file is expected; name a file in it.")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{name} is a pipe, a socket or a device, but a regular sound file is expected.")
    if status.st_size == 0:
        raise InputError(f"{name} is an empty file, but a sound file is expected.")
    if not os.access(path, os.R_OK):
        raise InputError(f"{name} may not be read by this user; change its permissions.")


def _read(path: str | os.PathLike[str], name: str, settings: Settings, offset: float) -> tuple[np.ndarray, float]:
    """Return mono samples from `offset` on at the settings' rate, and the file's length in seconds."""
    import soundfile

    try:
        # Bytes, since soundfile cannot encode the surrogates of an undecodable file name.
        with soundfile.SoundFile(os.fsencode(path)) as file:
            rate, frames = file.samplerate, file.frames
            _check_header(name, rate, frames)
            start, count, skip = _stretch(rate, settings, offset)
            if start >= frames:
                return np.empty(0), frames / rate
            file.seek(start)
            mono = _gather(_blocks(file, count), 0, count)
        reason = None
    except (soundfile.SoundFileError, TypeError, ValueError) as error:  # TypeError: a name that ends in .raw
        reason = getattr(error, "error_string", str(error))
    if reason is not None:
        return _read_otherwise(path, name, settings, offset, reason)
    if not len(mono) and not start:
        raise InputError(f"{name} holds no samples.")
    length = (start + len(mono) if len(mono) < count else frames) / rate
    return _convert(mono, rate, settings)[skip:], length


def _read_otherwise(
    path: str | os.PathLike[str], name: str, settings: Settings, offset: float, reason: str
) -> tuple[np.ndarray, float]:
    """As :func:`_read`, for what libsndfile does not know, by whatever decoder audioread finds."""
    import audioread  # type: ignore[import-untyped]

    try:
        with audioread.audio_open(os.fspath(path)) as file:
            rate, channels = file.samplerate, file.channels
            _check_header(name, rate, 1)
            start, count, skip = _stretch(rate, settings, offset)
            blocks = (np.frombuffer(data, "<i2").reshape(-1, channels) / _FULL_SCALE for data in file)
            mono = _gather(blocks, start, count)
            length = (start + len(mono)) / rate if len(mono) < count else file.duration
    except InputError:
        raise
    except Exception:  # each of its decoders has its own errors; none of them is the user's to read
        if "does not exist" in reason:  # libsndfile's word for an MP3 without a good frame
            reason = "Its data are damaged"
        raise InputError(
            f"{name} is not a sound file that can be read ({reason.rstrip('.')}); convert it to WAV, FLAC, OGG or MP3."
        ) from None
    return _convert(mono, rate, settings)[skip:], length


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
    parts = [np.empty(0)]
    for block in blocks:
        skipped = min(skip, len(block))
        skip -= skipped
        block = block[skipped : skipped + count]
        count -= len(block)
        parts.append(block[:, 0] if block.shape[1] == 1 else block.mean(axis=1))
        if not count:
            break
    return np.concatenate(parts)


def _convert(mono: np.ndarray, rate: int, settings: Settings) -> np.ndarray:
    """Convert samples of shape ``(n,)`` from `rate` to the settings' sample rate."""
    if rate == settings.sample_rate or not len(mono):
        return mono
    import librosa

    # Not finite samples would spread over everything, or be hidden; leave them for the caller to find.
    if not np.isfinite(mono).all():
        return np.full(math.ceil(len(mono) * settings.sample_rate / rate), np.nan)
    return librosa.resample(mono, orig_sr=rate, target_sr=settings.sample_rate, res_type="soxr_hq")


def _too_short(name: str, settings: Settings, offset: float, length: float) -> str:
    """Say how long a file is and which duration would fit."""
    left = math.floor((length - offset) * 100) / 100
    place = f" from {offset:g} s on" if offset else ""
    remedy = f"use --duration {left:g}" if left >= 0.2 else "choose a longer file"
    if left < 0.2 and offset:
        remedy += " or a smaller offset"
    return f"{name} is {length:.3f} s long, but {settings.duration:g} s{place} were asked for; {remedy}."
