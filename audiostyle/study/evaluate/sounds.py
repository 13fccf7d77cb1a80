"""What is measured: one sound as samples and as mel image, cut to the length it shares with the others.

Conventions
-----------
samples
    ``(n_samples,)`` float64, mono, any scale: but for the loudness itself no metric changes when a sound is
    made louder.
mel
    ``(n_mels, n_columns)`` float64, log10 of magnitudes relative to the sound's loudest point, never
    below ``settings.log_floor``; low frequencies first, the same picture the transfer works on.
hop
    Samples per column of the mel image.

Every module's ``evaluate(output, content, style)`` takes three :class:`Sound` s of equal length.
"""

import dataclasses

import numpy as np

from audiostyle.errors import InputError
from audiostyle.settings import Settings

__all__ = ["MINIMUM_SECONDS", "Sound", "cut", "measure"]

#: Shorter sounds have no rhythm to measure.
MINIMUM_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class Sound:
    """A sound as the metrics see it.

    Attributes
    ----------
    samples : np.ndarray
        ``(n_samples,)``.
    mel : np.ndarray
        ``(n_mels, n_columns)``.
    sample_rate : int
        Samples per second.
    hop : int
        Samples per column.
    floor : float
        The lowest value a mel image can hold.
    """

    samples: np.ndarray
    mel: np.ndarray
    sample_rate: int
    hop: int
    floor: float

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or self.mel.ndim != 2:
            raise ValueError(
                f"A sound has samples (n_samples,) and a mel image (n_mels, n_columns), not {self.samples.shape} and "
                f"{self.mel.shape}."
            )

    @property
    def column_seconds(self) -> float:
        """Duration of a column of the mel image."""
        return self.hop / self.sample_rate

    @property
    def seconds(self) -> float:
        """Duration of the samples."""
        return len(self.samples) / self.sample_rate


def measure(samples: np.ndarray, settings: Settings) -> Sound:
    """Return samples with the mel image the transfer would make of them.

    Parameters
    ----------
    samples : np.ndarray
        ``(n_samples,)`` at ``settings.sample_rate``, band-passed already if they are to be.
    settings : Settings
        What the analysis depends on: ``n_fft``, ``hop_length``, ``log_floor``, the mel filters.

    Raises
    ------
    InputError
        If the samples are silent or shorter than :data:`MINIMUM_SECONDS`.
    """
    from audiostyle.audio.mel import to_mel
    from audiostyle.audio.spectrogram import log_spectrogram

    samples = np.asarray(samples, dtype=np.float64)
    if len(samples) < MINIMUM_SECONDS * settings.sample_rate:
        raise InputError(
            f"A sound of {len(samples) / settings.sample_rate:.3f} s was to be measured, but the metrics need at least "
            f"{MINIMUM_SECONDS:g} s; give a longer one."
        )
    mel = to_mel(log_spectrogram(samples, settings), settings).astype(np.float64)
    return Sound(samples, mel, settings.sample_rate, settings.hop_length * settings.time_zoom, settings.log_floor)


def cut(sounds: dict[str, Sound]) -> dict[str, Sound]:
    """Cut sounds at the end to the samples and the columns that all of them have."""
    first = next(iter(sounds.values()))
    for name, sound in sounds.items():
        if (sound.sample_rate, sound.hop, len(sound.mel)) != (first.sample_rate, first.hop, len(first.mel)):
            raise ValueError(f"{name} was measured with another sample rate, hop or number of mel bands.")
    n_samples = min(len(sound.samples) for sound in sounds.values())
    n_columns = min(sound.mel.shape[1] for sound in sounds.values())
    return {
        name: dataclasses.replace(sound, samples=sound.samples[:n_samples], mel=sound.mel[:, :n_columns])
        for name, sound in sounds.items()
    }
