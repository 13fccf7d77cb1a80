"""The result as people keep it: channels and sample rate of the content, and the form of the file."""

import dataclasses
import os

import numpy as np

from audiostyle.audio.clip import write_wav
from audiostyle.audio.decoding import decode_channels, header_of
from audiostyle.audio.output_level import level_of, scaled
from audiostyle.audio.panning import pan
from audiostyle.audio.representation import in_time_with
from audiostyle.errors import InputError, RunError
from audiostyle.isolation import isolated
from audiostyle.settings import Settings

__all__ = ["check_clip", "in_form_of", "read_channels", "sound_name", "write_sound"]

# Ending, and libsndfile's words for format and numbers.
_FORMS = {
    "wav16": (".wav", "WAV", "PCM_16"),
    "wav24": (".wav", "WAV", "PCM_24"),
    "wav_float": (".wav", "WAV", "FLOAT"),
    "flac": (".flac", "FLAC", "PCM_24"),
    "ogg": (".ogg", "OGG", "VORBIS"),
}


def sound_name(settings: Settings) -> str:
    """Return the name of the result's file."""
    return "output" + _FORMS[settings.output_format][0]


def in_form_of(path: str, settings: Settings) -> Settings:
    """Return the settings with an ``output_format`` that the file's ending stands for; they decide which of several.

    Raises
    ------
    InputError
        If there is none.
    """
    ending = os.path.splitext(path)[1].lower()
    forms = [form for form, (its, _, _) in _FORMS.items() if its == ending]
    if not forms:
        endings = ", ".join(dict.fromkeys(its for its, _, _ in _FORMS.values()))
        raise InputError(f"The sound cannot be written to {path!r}: its name must end in one of {endings}.")
    return settings if settings.output_format in forms else dataclasses.replace(settings, output_format=forms[0])


def check_clip(clip: str, settings: Settings) -> None:
    """Raise InputError now, not after the descent, if the content cannot say its channels or rate.

    Parameters
    ----------
    clip : str
        File of the content clip, which :func:`~audiostyle.audio.clip.load_clip` has read.
    settings : Settings
        ``output_channels`` and ``output_rate``.
    """
    if settings.output_channels == "mono" and settings.output_rate == "analysis":
        return
    if isolated(header_of, clip, files=[clip]) is None:
        raise InputError(
            f"{clip!r} is of a form whose channels and sample rate cannot be asked for; convert it to WAV, FLAC, OGG "
            "or MP3, or leave output_channels and output_rate as they are."
        )


def read_channels(clip: str, settings: Settings) -> tuple[np.ndarray, int]:
    """Read the content's stretch with all its channels.

    Parameters
    ----------
    clip : str
    settings : Settings
        ``sample_rate``, ``duration``, ``offset_content``.

    Returns
    -------
    tuple of np.ndarray ``(n_samples, n_channels)`` and int
        Samples at ``sample_rate``, and the file's own rate in Hz.
    """
    import librosa

    samples, rate = isolated(decode_channels, clip, settings, files=[clip])
    return librosa.resample(samples, orig_sr=rate, target_sr=settings.sample_rate, res_type="soxr_hq", axis=0), rate


def write_sound(
    path: str | os.PathLike[str], samples: np.ndarray, clip: str, settings: Settings, level: float | None = None
) -> None:
    """Write the result.

    Parameters
    ----------
    path : path
        The file, with the ending of :func:`sound_name`.
    samples : np.ndarray ``(n_samples,)``
        Any scale, at ``settings.sample_rate``.
    clip : str
        File of the content clip; read only if channels or rate are to be its own.
    settings : Settings
        ``output_channels``, ``output_rate``, ``output_format``, and what
        :func:`~audiostyle.audio.output_level.scaled` uses.  With their released values the file has the
        authors' bits (:func:`~audiostyle.audio.clip.write_wav`).
    level : float, optional
        As for :func:`~audiostyle.audio.output_level.scaled`; with the content's channels, theirs counts.

    Raises
    ------
    RunError
        If the samples are silent or not finite, or the file cannot be written.
    """
    import soundfile

    as_released = settings.output_channels == "mono" and settings.output_rate == "analysis"
    if as_released and settings.output_format == "wav16":
        write_wav(path, samples, settings, level)
        return
    rate, result = settings.sample_rate, samples[:, np.newaxis]
    if not as_released:
        channels, own_rate = read_channels(clip, settings)
        if settings.output_channels == "content" and channels.shape[1] > 1:
            result = pan(samples, in_time_with(channels, settings), settings)
            level = level_of(channels, settings)  # two channels are louder than their mix
        if settings.output_rate == "content" and own_rate != rate:
            import librosa

            result = librosa.resample(result, orig_sr=rate, target_sr=own_rate, res_type="soxr_hq", axis=0)
            rate = own_rate
    _, form, numbers = _FORMS[settings.output_format]
    try:
        soundfile.write(os.fsencode(path), scaled(result, settings, level, rate), rate, numbers, format=form)
    except (OSError, soundfile.SoundFileError) as error:
        reason = getattr(error, "error_string", error)
        raise RunError(f"The sound cannot be written to {os.fsdecode(path)!r}: {reason}.") from None
