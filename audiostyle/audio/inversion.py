"""Log spectrogram to samples, by the authors' sliding variant of Griffin and Lim's algorithm.

The authors take phases from the spectrum of the last estimate, make a frame of each spectrum, slide
every frame to where it correlates best with the sum so far, and add.  Each quirk of it can be turned
off (T9, T10, T11); with all of them off it is the textbook's algorithm.

References
----------
D. Griffin and J. Lim, Signal estimation from modified short-time Fourier transform, IEEE Trans.
Acoust. Speech Signal Process. 32(2), 1984, 236-243.

X. Zhu, G. Beauregard and L. Wyse, Real-time signal estimation from modified short-time Fourier
transform magnitude spectra, IEEE Trans. Audio Speech Lang. Process. 15(5), 2007, 1645-1653.
"""

from collections.abc import Callable

import numpy as np

from audiostyle.audio.griffinlim import griffinlim
from audiostyle.audio.spectrogram import hamming, stft
from audiostyle.settings import Settings

__all__ = ["invert"]

Progress = Callable[[int, int], None]
Trace = Callable[[int, np.ndarray, np.ndarray], None]

# What float32 sums of a thousand products may be off by, relative to the norms of their factors.
_DOUBT = 2e-6
_FEW_LAGS = 64


def invert(
    log_spec: np.ndarray, settings: Settings, progress: Progress | None = None, trace: Trace | None = None
) -> np.ndarray:
    """Make samples whose spectrogram is near a given one (mfcc.py:111-155).

    Parameters
    ----------
    log_spec : np.ndarray
        Log spectrogram of shape ``(n_frames, n_bins)``, log10 of magnitudes.
    settings : Settings
        ``inversion`` chooses the algorithm; ``inversion_iterations`` phase estimates are made.
    progress : callable, optional
        Called as ``progress(done, total)`` after each synthesis, ``done`` counting from 1.
    trace : callable, optional
        Called as ``trace(index, wave, offsets)`` after each of the ``inversion_iterations + 1``
        syntheses, with the samples and the slide of each frame but the first, ``(n_frames - 1,)``
        int64 (zeros where frames are not slid).  librosa's algorithm shows its end only: `progress`
        and `trace` are called once.

    Returns
    -------
    np.ndarray
        Samples, float64, any scale.  The released inversion gives ``n_frames * hop_length + n_fft // 2``
        of them (T10), librosa's ``(n_frames - 1) * hop_length + n_fft``.
    """
    # In the type of the spectrogram, which is float32 when it comes from mel (T3).
    magnitudes = np.power(log_spec.dtype.type(10), log_spec).astype(np.float64)
    if settings.inversion_floor == "silent":
        magnitudes[log_spec <= settings.log_floor] = 0.0
    if settings.inversion == "griffinlim":
        wave = griffinlim(magnitudes, settings)
        if trace is not None:
            trace(0, wave, np.zeros(len(magnitudes) - 1, dtype=np.int64))
        if progress is not None:
            progress(1, 1)
        return wave
    return _slide_and_add(magnitudes, settings, progress, trace)


def _slide_and_add(
    magnitudes: np.ndarray, settings: Settings, progress: Progress | None, trace: Trace | None
) -> np.ndarray:
    """Alternate between synthesis and new phases; ``n_iter`` phase estimates make one synthesis more (T12)."""
    smallest = magnitudes.max() / 1e8 or 1.0
    target = _one_sided(magnitudes, settings)
    spectra: np.ndarray = target
    total = settings.inversion_iterations + 1
    for index in range(total):
        wave, offsets = _synthesise(spectra, settings)
        if trace is not None:
            trace(index, wave, offsets)
        if progress is not None:
            progress(index + 1, total)
        if index < settings.inversion_iterations:
            estimate = stft(wave, settings, len(target))
            spectra = target * (estimate / np.maximum(smallest, np.abs(estimate)))
    return wave


def _one_sided(magnitudes: np.ndarray, settings: Settings) -> np.ndarray:
    """Return the magnitudes ``(n_frames, n_bins + 1)`` that a real inverse transform needs.

    The authors put the negative frequencies one bin off (T9) and take the real part of the inverse
    transform.  The phases are those of a real signal, so this amounts to averaging each magnitude
    with its lower neighbour.
    """
    if settings.inversion_mirror == "exact":
        return np.pad(magnitudes, ((0, 0), (0, 1)))
    padded = np.pad(magnitudes, ((0, 0), (1, 1)), mode="edge")
    return (padded[:, 1:] + padded[:, :-1]) / 2


def _synthesise(spectra: np.ndarray, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Make frames of one-sided spectra, slide each to fit the sum so far, and add (mfcc.py:157-205).

    Parameters
    ----------
    spectra : np.ndarray
        One-sided spectra of shape ``(n_frames, n_bins + 1)``.
    settings : Settings
        ``inversion_reversal``, ``inversion_alignment``, ``inversion_frame``.

    Returns
    -------
    tuple of np.ndarray
        The samples ``(n_frames * hop_length + size,)`` and the slides ``(n_frames - 1,)``, in samples.
    """
    import scipy.fft

    hop = settings.hop_length
    frames = scipy.fft.irfft(spectra, settings.n_fft, axis=1)
    if settings.inversion_reversal:
        frames = frames[:, ::-1]
    if settings.inversion_frame == "whole":
        # An inverse transform is periodic: past its edges it goes on at the other end.
        size = settings.n_fft
        first = size // 2
        frames = np.concatenate([frames[:, -first:], frames, frames[:, :first]], axis=1)
    else:
        size = settings.n_fft // 2
        first = size // 2 - 1
    window = hamming(size)
    wave = np.zeros(len(frames) * hop + size)
    weight = np.full(len(wave), 1e-6)
    offsets = np.zeros(len(frames) - 1, dtype=np.int64)
    matcher = None
    if settings.inversion_alignment:
        overlap = size - hop if size > hop else hop
        matcher = _Matcher(frames[:, first : first + overlap])
    for index, frame in enumerate(frames):
        start = index * hop
        begin = first
        if matcher is not None and index:
            offset = matcher.offset(wave[start : start + overlap], index)
            offsets[index - 1] = offset
            begin -= offset
        wave[start : start + size] += window * frame[begin : begin + size]
        weight[start : start + size] += window
    return wave / weight, offsets


class _Matcher:
    """Finds for each frame the slide at which it correlates best with the sum so far (mfcc.py:207-238).

    The authors convolve in float32 and strike out the outer lags.  Here the lags that are left come
    from one Fourier transform; where several are too near to the best for that to decide, they are
    summed again just as ``numpy.convolve`` sums them, so the choice is the same.

    Parameters
    ----------
    parts : np.ndarray
        The part of each frame that is matched, of shape ``(n_frames, length)``.
    """

    def __init__(self, parts: np.ndarray) -> None:
        import scipy.fft

        self._fft = scipy.fft
        self._parts = (parts - parts.mean(axis=1, keepdims=True)).astype(np.float32)
        length = parts.shape[1]
        half = length // 2
        # Position p of the full convolution is lag p - (length - 1); positions half .. 2 length - 2 - half are kept.
        self._first = half
        self._kept = 2 * length - 1 - 2 * half
        # Long enough that no lag that is kept meets another one.
        self._size = scipy.fft.next_fast_len(2 * length - 1 - half, real=True)
        self._shift = length - 1 - half
        self._spectra = scipy.fft.rfft(self._parts, self._size, axis=1).conj()
        # Turning each frame's lags round so that the first kept one comes first.
        angles = 2 * np.pi * self._shift * np.arange(self._spectra.shape[1]) / self._size
        self._spectra *= np.exp(-1j * angles).astype(np.complex64)
        self._norms = np.sqrt(np.einsum("ij,ij->i", self._parts, self._parts, dtype=np.float64))

    def offset(self, done: np.ndarray, index: int) -> int:
        """Return the slide of frame `index` against `done`, the sum so far, of shape ``(length,)``."""
        length = len(done)
        x1 = (done - done.mean()).astype(np.float32)
        spectrum = self._fft.rfft(x1, self._size)
        spectrum *= self._spectra[index]
        lags = self._fft.irfft(spectrum, self._size)[: self._kept]
        best = lags.argmax()
        doubt = _DOUBT * float(np.sqrt(np.dot(x1, x1))) * self._norms[index]
        near = np.flatnonzero(lags >= lags[best] - doubt)
        if len(near) > 1 or doubt < 1e-30:
            best = self._exact(x1, self._parts[index], near, doubt)
        return int(best) + self._first - length

    def _exact(self, x1: np.ndarray, x2: np.ndarray, near: np.ndarray, doubt: float) -> int:
        """Return the first best of some kept lags, summed as the authors do."""
        if len(near) > _FEW_LAGS or doubt < 1e-30:
            lags = np.convolve(x1, x2[::-1])[self._first : self._first + self._kept]
            return int(lags.argmax())
        length = len(x1)
        sums = []
        for lag in near + self._first - (length - 1):
            sums.append(np.dot(x1[max(0, lag) : length + min(0, lag)], x2[max(0, -lag) : length - max(0, lag)]))
        return int(near[int(np.argmax(sums))])
