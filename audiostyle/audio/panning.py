"""A mono result put where the content's channels are.

The network sees one image, that of the mono mix.  Two images, one a channel, would take twice the
time, and two descents from noise end in two pictures that agree in style and in nothing else: a sound
without a middle.  So there is one result, and each of its frequencies at each moment is given to the
channels in the shares that the content has there; all channels have the result's phases, and their
sum is a mono sound again.
"""

import numpy as np

from audiostyle.audio.griffinlim import Transform
from audiostyle.audio.spectrogram import stft
from audiostyle.settings import Settings

__all__ = ["pan", "shares"]

# Frames and bins over which shares are averaged: single values jump, and a share that jumps is heard.
_AROUND = (17, 5)


def pan(samples: np.ndarray, channels: np.ndarray, settings: Settings) -> np.ndarray:
    """Give a mono sound the places of another one's channels.

    Parameters
    ----------
    samples : np.ndarray ``(n_samples,)``
    channels : np.ndarray ``(n_channel_samples, n_channels)``
        In time with `samples` and of the same sample rate; the shares of its last moment go on.
    settings : Settings
        ``n_fft``, ``hop_length``, ``threads``.

    Returns
    -------
    np.ndarray ``(n_samples, n_channels)`` float64
    """
    size, hop = settings.n_fft, settings.hop_length
    # Whole windows over every sample, as in the inversion.
    cut = size - hop
    count = 1 + -(-(len(samples) + 2 * cut - size) // hop)
    spectra = stft(np.pad(samples - samples.mean(), (cut, cut)), settings, count)
    there = np.pad(channels[: len(samples)], ((0, max(0, len(samples) - len(channels))), (0, 0)), mode="edge")
    transform = Transform(count, settings)
    given = shares([np.abs(stft(np.pad(one, (cut, cut)), settings, count)) ** 2 for one in there.T])
    parts = [transform.synthesise((spectra * share).astype(np.complex64)) for share in given]
    return np.stack(parts, axis=1)[cut : cut + len(samples)].astype(np.float64)


def shares(powers: list[np.ndarray]) -> list[np.ndarray]:
    """Return each channel's gain [0 .. sqrt(n_channels)] where channels have these powers.

    Parameters
    ----------
    powers : list of np.ndarray ``(n_frames, n_bins)``

    Returns
    -------
    list of np.ndarray ``(n_frames, n_bins)``
        Their squares add up to the number of channels; all 1 where there is silence or all are equal.
    """
    import scipy.ndimage

    smooth = [scipy.ndimage.uniform_filter(power, _AROUND, mode="nearest") for power in powers]
    total = np.sum(smooth, axis=0)
    floor = 1e-12 * total.max(initial=0.0) + 1e-300
    return [np.sqrt(np.maximum(len(powers) * (one + floor) / (total + len(powers) * floor), 0.0)) for one in smooth]
