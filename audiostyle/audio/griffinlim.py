"""The textbook's Griffin-Lim algorithm, with momentum, at the true frame length."""

import numpy as np

from audiostyle.audio.spectrogram import by_rows, hamming, stft
from audiostyle.settings import Settings

__all__ = ["Transform", "griffinlim"]

#: How far each estimate is pushed on along the last change; the value that Perraudin et al. found best.
_MOMENTUM = 0.99


def griffinlim(magnitudes: np.ndarray, settings: Settings, content: np.ndarray | None = None) -> np.ndarray:
    """Make samples whose magnitudes are near given ones.

    Frames, hop and window are those of the analysis (:func:`~audiostyle.audio.spectrogram.stft`),
    nothing is reversed or slid (T9, T10, T11), and the bin at half the sample rate, which a
    spectrogram here leaves out, is zero.

    The first and the last samples lie under the ends of very few windows.  So the first frame is
    repeated before the spectrogram and the last one after it until every sample lies under as many
    windows as those in the middle, and what the repetitions add is cut off again.

    Parameters
    ----------
    magnitudes : np.ndarray
        Linear magnitudes of shape ``(n_frames, n_bins)``.
    settings : Settings
        ``inversion_iterations``, ``hop_length``, ``n_fft``; ``inversion_phase`` chooses the first
        phases, for which ``seed`` is drawn.
    content : np.ndarray, optional
        Samples of shape ``(n_samples,)`` whose first frame is that of the spectrogram; needed for
        ``inversion_phase="content"`` only.

    Returns
    -------
    np.ndarray
        float64 samples of shape ``((n_frames - 1) * hop_length + n_fft,)``.

    References
    ----------
    N. Perraudin, P. Balazs and P. L. Sondergaard, A fast Griffin-Lim algorithm, WASPAA 2013.
    """
    extra = -(-settings.n_fft // settings.hop_length) - 1
    cut = extra * settings.hop_length
    target = np.pad(np.pad(magnitudes, ((extra, extra), (0, 0)), mode="edge"), ((0, 0), (0, 1)))
    spectra = _first_spectra(target, _first_phases(target, cut, settings, content), settings)
    transform = Transform(len(target), settings)
    # Single precision changes the result by less than another seed does, and halves the time.
    target = target.astype(np.float32)
    before = np.zeros_like(spectra)
    for index in range(settings.inversion_iterations):
        now = transform.analyse(transform.synthesise(spectra))
        share = _MOMENTUM / (1 + _MOMENTUM) if index else 0.0

        def work(rows: slice, now: np.ndarray = now, before: np.ndarray = before, share: float = share) -> None:
            pushed = now[rows] - np.float32(share) * before[rows]
            pushed *= target[rows] / np.maximum(np.abs(pushed), np.finfo(np.float32).tiny)
            spectra[rows] = pushed

        by_rows(work, len(target), settings)
        before = now
    wave = transform.synthesise(spectra)
    return wave[cut : len(wave) - cut].astype(np.float64)


def _first_spectra(target: np.ndarray, phases: np.ndarray, settings: Settings) -> np.ndarray:
    """Return complex64 spectra of magnitudes and phases."""
    spectra = np.empty(target.shape, dtype=np.complex64)

    def work(rows: slice) -> None:
        spectra[rows] = target[rows].astype(np.float32) * np.exp(1j * phases[rows]).astype(np.complex64)

    by_rows(work, len(target), settings)
    return spectra


def _first_phases(target: np.ndarray, cut: int, settings: Settings, content: np.ndarray | None) -> np.ndarray:
    """Return phases of the shape of `target`, whose first frame begins `cut` samples before the content's."""
    random = np.random.RandomState(settings.seed)
    if settings.inversion_phase == "content":
        if content is None:
            raise ValueError("inversion_phase='content' needs the samples of the content clip.")
        return np.angle(stft(np.pad(content, (cut, 0)), settings, len(target)))
    if settings.inversion_phase == "pghi":
        from audiostyle.audio.pghi import integrate_phases

        return integrate_phases(target, settings.hop_length, settings.n_fft, random)
    return random.uniform(-np.pi, np.pi, target.shape)


class Transform:
    """Spectra of shape ``(count, n_fft // 2 + 1)`` to samples, nearest in the least squares, and back.

    Parameters
    ----------
    count : int
        Number of frames.
    settings : Settings
        ``n_fft``, ``hop_length``, ``threads``.
    """

    def __init__(self, count: int, settings: Settings) -> None:
        self._count, self._settings = count, settings
        self._window = hamming(settings.n_fft).astype(np.float32)
        squares = np.broadcast_to(self._window**2, (count, settings.n_fft))
        self._weight = self._add(squares)

    def _add(self, frames: np.ndarray) -> np.ndarray:
        """Add overlapping frames of shape ``(count, n_fft)``: hop by hop, all frames at once."""
        size, hop = self._settings.n_fft, self._settings.hop_length
        steps = -(-size // hop)
        wave = np.zeros((self._count - 1 + steps, hop), dtype=np.float32)
        for step in range(steps):
            part = frames[:, step * hop : (step + 1) * hop]
            wave[step : step + self._count, : part.shape[1]] += part
        return wave.ravel()[: (self._count - 1) * hop + size]

    def synthesise(self, spectra: np.ndarray) -> np.ndarray:
        """Return float32 samples ``((count - 1) * hop_length + n_fft,)``."""
        import scipy.fft

        frames = np.empty((self._count, self._settings.n_fft), dtype=np.float32)

        def work(rows: slice) -> None:
            frames[rows] = scipy.fft.irfft(spectra[rows], self._settings.n_fft, axis=1) * self._window

        by_rows(work, self._count, self._settings)
        return self._add(frames) / self._weight

    def analyse(self, wave: np.ndarray) -> np.ndarray:
        """Return complex64 spectra of samples."""
        import scipy.fft

        size, hop = self._settings.n_fft, self._settings.hop_length
        windows = np.lib.stride_tricks.sliding_window_view(wave, size)[::hop]
        spectra = np.empty((self._count, size // 2 + 1), dtype=np.complex64)

        def work(rows: slice) -> None:
            spectra[rows] = scipy.fft.rfft(windows[rows] * self._window, axis=1)

        by_rows(work, self._count, self._settings)
        return spectra
