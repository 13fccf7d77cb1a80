"""How near the spectrogram of one sound is to that of another.

Both measures compare linear magnitudes at the best gain and at the best shift by whole frames, since
neither loudness nor the few hundred samples by which an inversion is early (T10, T14) is what they
are about.

References
----------
A. Marafioti, N. Holighaus and P. Majdak, Time-frequency phase retrieval for audio: the effect of
transform parameters, IEEE Trans. Signal Process. 69, 2021 (arXiv 2106.05148): the signal-to-noise
ratio of the magnitudes, and its relation to spectral convergence.
"""

import numpy as np

from audiostyle.audio.spectrogram import log_spectrogram
from audiostyle.settings import Settings

__all__ = ["signal_to_noise", "spectral_convergence"]


def spectral_convergence(reference: np.ndarray, output: np.ndarray, settings: Settings) -> float:
    """Return the norm of the difference of two magnitude spectrograms over the norm of the reference.

    ``||S_ref - g S_out||_F / ||S_ref||_F`` with the gain g and the shift that make it least, over
    the frames that both have.

    Parameters
    ----------
    reference, output : np.ndarray
        Samples of shape ``(n_samples,)``, or log spectrograms of shape ``(n_frames, n_bins)``.
    settings : Settings
        What :func:`~audiostyle.audio.spectrogram.log_spectrogram` uses.

    Returns
    -------
    float
        0 for equal sounds, 1 when nothing of the reference is in the output.
    """
    wanted, made = _magnitudes(reference, settings), _magnitudes(output, settings)
    reach = min(settings.n_fft // settings.hop_length, len(wanted) - 1, len(made) - 1)
    return min(_convergence(wanted, made, shift) for shift in range(-reach, reach + 1))


def signal_to_noise(reference: np.ndarray, output: np.ndarray, settings: Settings) -> float:
    """Return the signal-to-noise ratio of the magnitudes in dB, ``-20 log10`` of the convergence.

    Parameters and shapes are those of :func:`spectral_convergence`; equal sounds give infinity.
    """
    convergence = spectral_convergence(reference, output, settings)
    return float("inf") if convergence == 0 else float(-20 * np.log10(convergence))


def _magnitudes(sound: np.ndarray, settings: Settings) -> np.ndarray:
    log_spec = log_spectrogram(sound, settings) if sound.ndim == 1 else sound
    return 10.0 ** log_spec.astype(np.float64)


def _convergence(wanted: np.ndarray, made: np.ndarray, shift: int) -> float:
    """Least error over gains, when frame i of `made` is taken for frame ``i + shift`` of `wanted`."""
    wanted, made = wanted[max(0, shift) :], made[max(0, -shift) :]
    common = min(len(wanted), len(made))
    wanted, made = wanted[:common], made[:common]
    energy, product, power = (np.vdot(a, b) for a, b in ((wanted, wanted), (wanted, made), (made, made)))
    gain = product / power
    # The squared norm written out would lose small differences to rounding.
    return float(np.linalg.norm(wanted - gain * made) / np.sqrt(energy))
