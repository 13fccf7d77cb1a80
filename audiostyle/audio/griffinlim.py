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

    The first and the last samples lie under the ends of very few windows, and a sum of squared
    Hamming windows is a thousand times smaller there than in the middle; dividing by it makes a burst
    of whatever does not fit.  So the first frame is repeated before the spectrogram and the last one
    after it, until every sample lies under as many windows as those in the middle, and the samples
    that this adds are cut off again.

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

    extra = -(-settings.n_fft // settings.hop_length) - 1
    cut = extra * settings.hop_length
    repeated = np.pad(magnitudes, ((extra, extra), (0, 0)), mode="edge")
    # Single precision changes the result by less than another seed does, and halves the time.
    wave = librosa.griffinlim(
        np.pad(repeated, ((0, 0), (0, 1))).T.astype(np.float32),
        n_iter=settings.inversion_iterations,
        hop_length=settings.hop_length,
        n_fft=settings.n_fft,
        window=hamming(settings.n_fft),
        center=False,
        random_state=settings.seed,
    )
    return wave[cut : len(wave) - cut].astype(np.float64)
