"""A small built-in set of picture-like noise, for measuring a network without pictures.

Photographs have a spatial amplitude spectrum of about 1/f (Field 1987) and strongly correlated
colours; two of the pictures are such noise.  The other two look like what the network sees here: a
grey mel spectrogram, with steady tones, onsets and a smooth background.
"""

import numpy as np
import numpy.typing as npt

__all__ = ["CHANNEL_MEANS", "builtin_pictures"]

# Blue, green, red means of the pictures the network was trained on (Simonyan and Zisserman's Caffe files).
CHANNEL_MEANS = (103.939, 116.779, 123.68)

_SIZE = 96
_CONTRAST = 58.0  # standard deviation of photographs' grey levels, which are 0 to 255
_BRIGHTNESS = 115.0
_COLOUR = 0.35  # share of each channel's amplitude that the channels do not have in common


def builtin_pictures() -> npt.NDArray[np.float32]:
    """Return four network inputs ``(4, 3, 96, 96)``, blue-green-red, 0 to 255 minus the mean; always the same."""
    generator = np.random.RandomState(19)
    pictures = [_coloured(generator, steepness) for steepness in (1.0, 1.3)]
    pictures += [_spectrogram(generator, onsets) for onsets in (3, 9)]
    means = np.array(CHANNEL_MEANS)[:, np.newaxis, np.newaxis]
    return (np.clip(np.stack(pictures), 0, 255) - means).astype(np.float32)


def _noise(generator: np.random.RandomState, steepness: float) -> npt.NDArray[np.float64]:
    """Noise ``(96, 96)`` of zero mean and unit deviation with the amplitude spectrum f ** -steepness."""
    index = np.arange(_SIZE)
    frequencies = np.minimum(index, _SIZE - index) / _SIZE
    radius = np.hypot(frequencies[:, np.newaxis], frequencies[np.newaxis, :])
    radius[0, 0] = np.inf
    spectrum = np.fft.fft2(generator.standard_normal((_SIZE, _SIZE))) * radius**-steepness
    noise: npt.NDArray[np.float64] = np.fft.ifft2(spectrum).real
    return noise / noise.std()


def _coloured(generator: np.random.RandomState, steepness: float) -> npt.NDArray[np.float64]:
    grey = _noise(generator, steepness)
    own = np.stack([_noise(generator, steepness) for _ in range(3)])
    return _BRIGHTNESS + _CONTRAST * (np.sqrt(1 - _COLOUR**2) * grey + _COLOUR * own)


def _spectrogram(generator: np.random.RandomState, n_onsets: int) -> npt.NDArray[np.float64]:
    """A grey texture ``(3, 96, 96)``: frequency down, time across."""
    frequency, time = np.mgrid[0:_SIZE, 0:_SIZE]
    level = _noise(generator, 1.0) + 1.2 - frequency / 60.0
    for tone in generator.randint(5, _SIZE - 5, size=8):
        level += 1.5 * np.exp(-0.5 * (frequency - tone) ** 2) * (1 + 0.3 * np.sin(time / 4.0 + tone))
    for onset in generator.randint(0, _SIZE, size=n_onsets):
        level += np.where(time >= onset, 1.5 * np.exp(-(time - onset) / 5.0), 0.0)
    level = (level - level.mean()) / level.std()
    return np.repeat((_BRIGHTNESS + _CONTRAST * level)[np.newaxis], 3, axis=0)
