"""The textbook's Griffin-Lim algorithm with momentum, as librosa has it."""

import numpy as np

from audiostyle.audio.spectrogram import hamming
from audiostyle.settings import Settings

__all__ = ["griffinlim"]


def griffinlim(magnitudes: np.ndarray, settings: Settings) -> np.ndarray:
    """Make samples whose magnitudes are near given ones, at the true frame length.

    Frames, hop and window are those of the analysis (:func:`~audiostyle.audio.spectrogram.stft`),
    nothing is reversed or slid (T9, T10, T11), and the bin at half the sample rate, which a
    spectrogram here leaves out, is zero.

    Parameters
    ----------
    magnitudes : np.ndarray
        Linear magnitudes of shape ``(n_frames, n_bins)``.
    settings : Settings
        ``inversion_iterations``, ``hop_length``, ``n_fft``; ``seed`` draws the first phases.

    Returns
    -------
    np.ndarray
        float64 samples of shape ``((n_frames - 1) * hop_length + n_fft,)``.

    References
    ----------
    N. Perraudin, P. Balazs and P. L. Sondergaard, A fast Griffin-Lim algorithm, WASPAA 2013.
    """
    import librosa

    # Single precision changes the result by less than another seed does, and halves the time.
    target = np.pad(magnitudes, ((0, 0), (0, 1))).T.astype(np.float32)
    return librosa.griffinlim(
        target,
        n_iter=settings.inversion_iterations,
        hop_length=settings.hop_length,
        n_fft=settings.n_fft,
        window=hamming(settings.n_fft),
        center=False,
        random_state=settings.seed,
    ).astype(np.float64)
