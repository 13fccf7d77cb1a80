"""Spectral distance: how far are the magnitudes from those of the content and of the style?

Conventions
-----------
Magnitudes are ``(n_frames, n_bins)``, not logarithmic, one frame per column of the mel image.  Levels
are lost on the way through the transfer (T14), so every distance is taken at the gain that makes it
smallest.

Metrics
-------
* :func:`spectral_convergence` -- the measure of phase reconstruction: Sturmel and Daudet 2011;
  Marafioti et al. 2021 (arXiv 2106.05148)
* :func:`log_spectral_distance` -- as in Cifka et al. 2021 (arXiv 2102.05749): dB, on mel images,
  levels made equal
* :func:`ss_vq_vae_distance` -- the same name in that paper's code, where it is another number: samples at
  16 kHz and equal power, 128 mel bands, the root over time in each band, their mean

The first two are the floor that the audio path itself sets when they are taken of the content after inversion.
"""

from collections import OrderedDict

import numpy as np

from audiostyle.study.evaluate.overlap import MOST_LAG, best_lag
from audiostyle.study.evaluate.similarity import aligned
from audiostyle.study.evaluate.sounds import Sound

__all__ = [
    "evaluate",
    "log_spectral_distance",
    "magnitudes",
    "spectral_convergence",
    "ss_vq_vae_distance",
    "ss_vq_vae_spectrogram",
    "validate",
]

_N_FFT = 2048
# The sample rate of Cifka et al. 2021.
_SS_VQ_VAE_RATE = 16000


def validate(values: np.ndarray, reference: np.ndarray) -> None:
    """Raise ValueError unless both are matrices of equal shape."""
    if values.ndim != 2 or values.shape != reference.shape:
        raise ValueError(f"Two matrices of equal shape are needed, not {values.shape} and {reference.shape}.")


def magnitudes(sound: Sound) -> np.ndarray:
    """Magnitudes of the short-time Fourier transform, ``(n_frames, 1025)``: Hann windows of 2048, one per column."""
    import scipy.fft
    import scipy.signal

    windows = np.lib.stride_tricks.sliding_window_view(sound.samples, _N_FFT)[:: sound.hop]
    return np.abs(scipy.fft.rfft(windows * scipy.signal.get_window("hann", _N_FFT), axis=1))


def spectral_convergence(output: np.ndarray, reference: np.ndarray) -> float:
    """``min over g of ||g |X| - |R||| / |||R|||``, the Frobenius norm of the error [0 .. 1] (Sturmel and Daudet 2011).

    Its signal-to-noise ratio in dB is ``-20 log10`` of it.  NaN for a silent reference.
    """
    validate(output, reference)
    size, energy = float(np.linalg.norm(reference)), float(np.sum(output**2))
    if not size > 0:
        return float("nan")
    gain = float(np.sum(output * reference)) / energy if energy > 0 else 0.0
    return float(np.linalg.norm(gain * output - reference)) / size


def log_spectral_distance(mel: np.ndarray, reference: np.ndarray) -> float:
    """Mean over columns of the root mean square difference in dB, levels made equal [0 ..] (Cifka et al. 2021).

    Examples
    --------
    Half of the bands 0.5 (10 dB) louder, which is 5 dB either way once the levels are equal:

    >>> mel, louder = np.zeros((4, 8)), np.zeros((4, 8))
    >>> louder[:2] += 0.5
    >>> round(log_spectral_distance(mel, louder), 6)
    5.0
    """
    validate(mel, reference)
    difference = 20 * (mel - reference)
    return float(np.sqrt(np.mean((difference - difference.mean()) ** 2, axis=0)).mean())


def ss_vq_vae_spectrogram(sound: Sound) -> np.ndarray:
    """Mel spectrogram ``(128, n_frames)`` in dB as Cifka et al. 2021 evaluate it: librosa's defaults at 16 kHz.

    The samples are brought to the power 1 first; values more than 80 dB below the loudest are raised.
    """
    import librosa

    samples = librosa.resample(sound.samples, orig_sr=sound.sample_rate, target_sr=_SS_VQ_VAE_RATE)
    power = float(np.mean(samples**2))
    samples = samples / np.sqrt(power) if power > 0 else samples
    return librosa.power_to_db(librosa.feature.melspectrogram(y=samples, sr=_SS_VQ_VAE_RATE)).astype(np.float64)


def ss_vq_vae_distance(mel: np.ndarray, reference: np.ndarray) -> float:
    """Mean over bands of the root mean square difference over time, in dB [0 ..] (their ``lsd``)."""
    validate(mel, reference)
    return float(np.sqrt(np.mean((mel - reference) ** 2, axis=1)).mean())


def evaluate(output: Sound, content: Sound, style: Sound) -> "OrderedDict[str, float]":
    """Return every number of this module for one output; each at the lag at which the mel images match best."""
    scores: OrderedDict[str, float] = OrderedDict()
    spectra = magnitudes(output)
    for name, sound in (("content", content), ("style", style)):
        lag, _ = best_lag(output.mel, sound.mel)
        mine, theirs = aligned(spectra.T, magnitudes(sound).T, lag, MOST_LAG)
        scores[f"spectral_convergence_{name}"] = spectral_convergence(mine, theirs)
        mine, theirs = aligned(output.mel, sound.mel, lag, MOST_LAG)
        scores[f"log_spectral_distance_{name}_db"] = log_spectral_distance(mine, theirs)
    # Not at the best lag, as theirs is not.
    mine = ss_vq_vae_spectrogram(output)
    for name, sound in (("content", content), ("style", style)):
        scores[f"ss_vq_vae_lsd_{name}_db"] = ss_vq_vae_distance(mine, ss_vq_vae_spectrogram(sound))
    return scores
