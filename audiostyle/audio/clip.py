"""Sound files and samples: load a stretch of a clip, band-pass it, write a result.

Loading is the one place where a file from outside enters, so everything that can be wrong with such
a file is found here and said in one sentence.
"""

import math
import os
import stat

import numpy as np

from audiostyle.audio.decoding import FULL_SCALE, decode
from audiostyle.audio.output_level import scaled
from audiostyle.errors import InputError
from audiostyle.files import replacing, shown
from audiostyle.isolation import isolated
from audiostyle.settings import Settings

__all__ = ["bandpass", "load_clip", "to_int16", "write_wav"]

_LOUDEST = 1e30


def load_clip(path: str | os.PathLike[str], settings: Settings, offset: float = 0.0) -> np.ndarray:
    """Read ``settings.duration`` seconds of a sound file as mono samples.

    Only the part that is needed is read.  Channels are averaged; another sample rate than
    ``settings.sample_rate`` is converted by soxr (``soxr_hq``).  A 16-bit mono file of the right
    rate, as the paper's are, gives exactly its integers divided by 32768 (audioUtils.py:26).

    Parameters
    ----------
    path : str or os.PathLike
        Any file that libsndfile reads, or ffmpeg where it is installed.
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
    name = shown(path)
    _check_file(path, name)
    if not (math.isfinite(offset) and offset >= 0):
        raise InputError(f"The offset into {name} is {offset!r}, but it must be a finite number of seconds, 0 or more.")
    mono, rate, skip, length = isolated(decode, path, name, settings, offset, files=[path])
    samples = _convert(mono, rate, settings)[skip:]
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

    Examples
    --------
    The largest sample becomes full scale, and as a positive one wraps round in the released code (T13):

    >>> to_int16(np.array([0.0, 0.25, -0.5]), Settings()).tolist()
    [0, 16384, -32768]
    >>> to_int16(np.array([0.0, 0.25, 0.5]), Settings()).tolist()
    [0, 16384, -32768]
    """
    whole = np.trunc(scaled(samples, settings, level) * FULL_SCALE).astype(np.int32)
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
    with replacing(path, "The sound") as part:
        wavfile.write(part, settings.sample_rate, values)


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
    fitting = f"use --duration {left:g}, or --duration-style {left:g} if it is the style that is shorter"
    remedy = fitting if left >= 0.2 else "choose a longer file"
    if left < 0.2 and offset:
        remedy += " or a smaller offset"
    return f"{name} is {length:.3f} s long, but {settings.duration:g} s{place} were asked for; {remedy}."
