"""The picture of a sound: what of the log spectrogram becomes the network's image, and back."""

import numpy as np

from audiostyle.audio.spectrogram import from_mel, to_mel
from audiostyle.settings import Settings

__all__ = ["in_time_with", "represent", "unrepresent"]


def represent(log_spec: np.ndarray, settings: Settings, samples: np.ndarray | None = None) -> np.ndarray:
    """Turn a log spectrogram into the values of the network's image.

    Parameters
    ----------
    log_spec : np.ndarray
        Log spectrogram of shape ``(n_frames, n_bins)``.
    settings : Settings
        ``representation``: ``mel``; ``spectrogram``, the log spectrogram itself; ``mfcc``, the
        orthonormal DCT-II of the mel spectrogram along its mel axis, which the paper's text speaks
        of and the released code leaves out (D1), with all n_mels coefficients, so that the way back
        loses nothing; ``cqt`` and ``chroma``, which the paper leaves open (section 4.3).
    samples : np.ndarray, optional
        Samples of shape ``(n_samples,)`` that the spectrogram was made of, for ``cqt``.

    Returns
    -------
    np.ndarray
        ``(n_rows, n_columns)`` float32, of ``n_mels`` rows for mel and mfcc.  For the spectrogram
        float64 ``(n_frames, n_bins)``, or its transpose with ``spec_orientation="time_columns"`` (D7).
    """
    if settings.representation == "spectrogram":
        return log_spec.T if settings.spec_orientation == "time_columns" else log_spec
    if settings.representation == "cqt":
        from audiostyle.audio.constantq import to_cqt

        if samples is None:
            raise ValueError("a constant-Q picture is made of samples")
        return to_cqt(samples, settings)
    if settings.representation == "chroma":
        from audiostyle.audio.chroma import to_chroma

        return to_chroma(log_spec, settings)
    mel = to_mel(log_spec, settings)
    if settings.representation == "mel":
        return mel
    import scipy.fft

    return scipy.fft.dct(mel, type=2, norm="ortho", axis=0)


def in_time_with(samples: np.ndarray, settings: Settings) -> np.ndarray:
    """Return samples ``(n_samples,)`` from where the spectrogram that :func:`unrepresent` gives begins.

    Shortening drops the first column, so all but the spectrogram itself come back that much later.
    """
    columns = 0 if settings.representation == "spectrogram" else 1
    return samples[columns * settings.time_zoom * settings.hop_length :]


def unrepresent(values: np.ndarray, settings: Settings) -> np.ndarray:
    """Turn values as :func:`represent` gives them back into a log spectrogram.

    Parameters
    ----------
    values : np.ndarray
        ``(n_rows, n_columns)``, or a spectrogram in the orientation of the settings.
    settings : Settings
        ``representation`` and ``spec_orientation``.

    Returns
    -------
    np.ndarray
        Log spectrogram of shape ``(n_frames, n_bins)``.
    """
    if settings.representation == "spectrogram":
        return values.T if settings.spec_orientation == "time_columns" else values
    if settings.representation == "cqt":
        from audiostyle.audio.constantq import from_cqt

        return from_cqt(values, settings)
    if settings.representation == "chroma":
        from audiostyle.audio.chroma import from_chroma

        return from_chroma(values, settings)
    if settings.representation == "mfcc":
        import scipy.fft

        values = scipy.fft.idct(values, type=2, norm="ortho", axis=0)
    return from_mel(values, settings)
