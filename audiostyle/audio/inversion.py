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

import math
from collections.abc import Callable

import numpy as np

from audiostyle.audio.griffinlim import griffinlim
from audiostyle.audio.magnitude import magnitude
from audiostyle.audio.powf import power_of_ten
from audiostyle.audio.spectrogram import by_rows, framed, hamming
from audiostyle.settings import Settings

__all__ = ["invert"]

Progress = Callable[[int, int], None]
Trace = Callable[[int, np.ndarray, np.ndarray], None]
Frames = Callable[[slice], np.ndarray]

# What float32 sums of a thousand products may be off by, relative to the norms of their factors.
_DOUBT = 2e-6
_FEW_LAGS = 64
# numpy sums the products of so few numbers in another order.
_SHORT = 11
# Frames held at once, with all that is prepared of them: 30 KB each.  A whole multiple of what `by_rows` takes.
_FRAMES = 1024


def invert(
    log_spec: np.ndarray,
    settings: Settings,
    progress: Progress | None = None,
    trace: Trace | None = None,
    content: np.ndarray | None = None,
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
        int64 (zeros where frames are not slid).  The textbook's algorithm shows its end only:
        `progress` and `trace` are called once.
    content : np.ndarray, optional
        Samples of shape ``(n_samples,)`` in time with the spectrogram, whose phases are the first;
        needed for ``inversion_phase="content"`` only.

    Returns
    -------
    np.ndarray
        Samples, float64, any scale.  The released inversion gives ``n_frames * hop_length + n_fft // 2``
        of them (T10), the textbook's ``(n_frames - 1) * hop_length + n_fft``.
    """
    # In the type of the spectrogram, which is float32 when it comes from mel (T3).
    magnitudes = power_of_ten(log_spec).astype(np.float64)
    if settings.inversion_floor == "silent":
        magnitudes[log_spec <= settings.log_floor] = 0.0
    if settings.inversion == "griffinlim":
        wave = griffinlim(magnitudes, settings, content)
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
    weight = _weight(len(target), settings)
    make = _at_no_phase(target, settings)
    total = settings.inversion_iterations + 1
    for index in range(total):
        wave, offsets = _overlap_add(make, weight, settings)
        if trace is not None:
            trace(index, wave, offsets)
        if progress is not None:
            progress(index + 1, total)
        make = _at_phases_of(wave, target, smallest, settings)
    return wave


def _at_no_phase(target: np.ndarray, settings: Settings) -> Frames:
    """Return what makes any rows of the inverse transforms ``(n_frames, n_fft)`` of `target`."""
    import scipy.fft

    return lambda rows: scipy.fft.irfft(target[rows], settings.n_fft, axis=1)


def _at_phases_of(wave: np.ndarray, target: np.ndarray, smallest: float, settings: Settings) -> Frames:
    """Return what makes any rows of the inverse transforms of `target` at the phases of `wave`."""
    import scipy.fft

    analyse = framed(wave, settings, len(target))

    def make(rows: slice) -> np.ndarray:
        estimate = analyse(rows)
        # The order of the authors' roundings: times the reciprocal, then times the target.
        parts = estimate.view(np.float64).reshape(*estimate.shape, 2)
        parts *= (1.0 / np.maximum(smallest, magnitude(estimate)))[..., np.newaxis]
        parts *= target[rows, :, np.newaxis]
        return scipy.fft.irfft(estimate, settings.n_fft, axis=1, overwrite_x=True)

    return make


def _one_sided(magnitudes: np.ndarray, settings: Settings) -> np.ndarray:
    """Return the magnitudes ``(n_frames, n_bins + 1)`` that a real inverse transform needs.

    The authors put the negative frequencies one bin off (T9) and take the real part of the inverse
    transform.  The phases are those of a real signal, so this amounts to averaging each magnitude
    with its lower neighbour.
    """
    if settings.inversion_mirror == "exact":
        return np.pad(magnitudes, ((0, 0), (0, 1)))
    target = np.empty((len(magnitudes), magnitudes.shape[1] + 1))
    target[:, [0, -1]] = magnitudes[:, [0, -1]]
    middle = target[:, 1:-1]
    np.add(magnitudes[:, 1:], magnitudes[:, :-1], out=middle)
    middle /= 2
    return target


def _frame_size(settings: Settings) -> int:
    return settings.n_fft if settings.inversion_frame == "whole" else settings.n_fft // 2


def _weight(count: int, settings: Settings) -> np.ndarray:
    """Return the sum of all windows, of shape ``(n_frames * hop_length + size,)``, which is divided by."""
    size = _frame_size(settings)
    window = hamming(size)
    weight = np.zeros(count * settings.hop_length + size)
    for start in range(0, count * settings.hop_length, settings.hop_length):
        weight[start : start + size] += window
    return weight + 1e-6


def _overlap_add(make: Frames, weight: np.ndarray, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Slide each frame to fit the sum of those before it, and add (mfcc.py:157-205).

    Parameters
    ----------
    make : callable
        Gives any rows of the inverse transforms ``(n_frames, n_fft)``, which are never there all at once.
    weight : np.ndarray
        As :func:`_weight` returns it, of shape ``(n_frames * hop_length + size,)``.
    settings : Settings
        ``inversion_reversal``, ``inversion_alignment``, ``inversion_frame``.

    Returns
    -------
    tuple of np.ndarray
        The samples, of the shape of `weight`, and the slides ``(n_frames - 1,)`` in samples.
    """
    hop, size = settings.hop_length, _frame_size(settings)
    count = (len(weight) - size) // hop
    window, wave = hamming(size), np.zeros(len(weight))
    offsets = np.zeros(count - 1, dtype=np.int64)
    for start in range(0, count, _FRAMES):
        rows = slice(start, min(start + _FRAMES, count))
        _add(_turned_frames(make, rows, settings), rows, window, wave, offsets, settings)
    return wave / weight, offsets


def _turned_frames(make: Frames, rows: slice, settings: Settings) -> np.ndarray:
    """Return some rows as they are slid and added: ``(n_rows, n_fft)``, or longer where whole frames are used."""
    frames = np.empty((rows.stop - rows.start, settings.n_fft))

    def work(some: slice) -> None:
        frames[some] = make(slice(rows.start + some.start, rows.start + some.stop))

    by_rows(work, len(frames), settings)
    if settings.inversion_reversal:
        frames = frames[:, ::-1]
    if settings.inversion_frame == "whole":
        # An inverse transform is periodic: past its edges it goes on at the other end.
        half = settings.n_fft // 2
        frames = np.concatenate([frames[:, -half:], frames, frames[:, :half]], axis=1)
    return frames


def _add(
    frames: np.ndarray, rows: slice, window: np.ndarray, wave: np.ndarray, offsets: np.ndarray, settings: Settings
) -> None:
    """Add some rows of frames to the sum of those before them, each where it fits best."""
    hop, size = settings.hop_length, len(window)
    first = size // 2 - (settings.inversion_frame != "whole")
    overlap = size - hop if size > hop else hop
    matcher = _Matcher(frames[:, first : first + overlap], settings) if settings.inversion_alignment else None
    for row, frame in enumerate(frames):
        index = rows.start + row
        start, begin = index * hop, first
        if matcher is not None and index:
            offset = matcher.offset(wave[start : start + overlap], row)
            offsets[index - 1] = offset
            begin -= offset
        wave[start : start + size] += window * frame[begin : begin + size]


class _Matcher:
    """Finds for each frame the slide at which it correlates best with the sum so far (mfcc.py:207-238).

    The authors convolve in float32 and strike out the outer lags.  Here the lags that are left come
    from one Fourier transform; where several are too near to the best for that to decide, they are
    summed again just as ``numpy.convolve`` sums them, so the choice is the same.

    Parameters
    ----------
    parts : np.ndarray
        The part of each frame that is matched, of shape ``(n_frames, length)``.
    settings : Settings
        ``threads``.
    """

    def __init__(self, parts: np.ndarray, settings: Settings) -> None:
        import scipy.fft

        count, length = parts.shape
        # Positions half .. 2 length - 2 - half of the full convolution are kept.
        half = length // 2
        self._kept = slice(half, 2 * length - 1 - half)
        # Long enough that what is wrapped round meets only positions that are struck out; and even.
        size = 2 * scipy.fft.next_fast_len(length - half // 2, real=True)
        self._padded = np.zeros(size)
        self._parts = np.empty((count, length), dtype=np.float32)
        self._spectra = np.empty((count, size // 2 + 1), dtype=np.complex128)

        def work(rows: slice) -> None:
            block = (parts[rows] - parts[rows].mean(axis=1, keepdims=True)).astype(np.float32)
            self._parts[rows] = block
            self._spectra[rows] = scipy.fft.rfft(block[:, ::-1].astype(np.float64), size, axis=1)

        by_rows(work, count, settings)
        squares = np.einsum("ij,ij->i", self._parts, self._parts, dtype=np.float64)
        self._doubts = (_DOUBT * np.sqrt(squares)).tolist()

    def offset(self, done: np.ndarray, index: int) -> int:
        """Return the slide of frame `index` against `done`, the sum so far, of shape ``(length,)``."""
        length = len(done)
        x1 = (done - done.mean()).astype(np.float32)
        self._padded[:length] = x1
        # numpy's transforms of one row take less time than scipy's, which are made for many.
        spectrum = np.fft.rfft(self._padded)
        spectrum *= self._spectra[index]
        lags = np.fft.irfft(spectrum)[self._kept]
        best = int(lags.argmax())
        doubt = self._doubts[index] * math.sqrt(np.dot(x1, x1))
        close = lags >= lags[best] - doubt
        if np.count_nonzero(close) > 1 or doubt < 1e-30:
            best = self._exact(x1, self._parts[index], np.flatnonzero(close), doubt)
        return best + self._kept.start - length

    def _exact(self, x1: np.ndarray, x2: np.ndarray, close: np.ndarray, doubt: float) -> int:
        """Return the first best of some kept lags, summed as the authors do."""
        if len(close) > _FEW_LAGS or doubt < 1e-30 or len(x1) <= _SHORT:
            return int(np.convolve(x1, x2[::-1])[self._kept].argmax())
        length = len(x1)
        sums = [
            np.dot(x1[max(0, lag) : length + min(0, lag)], x2[max(0, -lag) : length - max(0, lag)])
            for lag in close + self._kept.start - (length - 1)
        ]
        return int(close[int(np.argmax(sums))])
