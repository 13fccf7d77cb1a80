"""Phases of a spectrogram from its magnitudes alone: phase gradient heap integration.

With a Gaussian window ``exp(-pi t^2 / gamma)`` the phase of a short-time Fourier transform is known
from its logarithmic magnitude ``s`` but for one constant, since the transform is an analytic function
times a Gaussian.  For hop ``a`` and ``M`` bins, and time counted from the middle of each frame::

    d phase / d frame =  2 pi a k / M + (a M / gamma) d s / d bin
    d phase / d bin   =              - (gamma / (a M)) d s / d frame

Other windows are taken for the Gaussian that is most like them.  The gradients are integrated from
the loudest value outwards, always from the loudest value reached so far, so that what they get wrong
where the sound is faint spoils nothing that is loud.

References
----------
Z. Prusa, P. Balazs and P. L. Sondergaard, A noniterative method for reconstruction of phase from STFT
magnitude, IEEE/ACM Trans. Audio Speech Lang. Process. 25(5), 2017, 1154-1164: the gradients,
the Gaussian in place of the window, and the order of integration.
"""

import heapq

import numba
import numpy as np

__all__ = ["HAMMING", "integrate_phases"]

#: gamma over the squared length of a Hamming window: the Gaussian with the largest inner product.
HAMMING = 0.29
#: Fainter values, relative to the loudest, have no phase of their own.
_TOLERANCE = 1e-6


def integrate_phases(magnitudes: np.ndarray, hop: int, size: int, random: np.random.RandomState) -> np.ndarray:
    """Return phases for magnitudes of a transform with a Hamming window.

    Parameters
    ----------
    magnitudes : np.ndarray ``(n_frames, size // 2 + 1)``
        Linear, at least 0.
    hop : int
        Samples between frames.
    size : int
        Samples in a frame and in its window.
    random : np.random.RandomState
        Draws the phases of the faintest values.

    Returns
    -------
    np.ndarray ``(n_frames, size // 2 + 1)`` float64
        Radians, not wrapped, for frames whose first sample is time 0, as in
        :func:`~audiostyle.audio.spectrogram.stft`.
    """
    phases = random.uniform(-np.pi, np.pi, magnitudes.shape)
    loudest = magnitudes.max(initial=0.0)
    if loudest > 0:
        per_frame, per_bin = gradients(magnitudes, hop, size)
        order = np.argsort(magnitudes, axis=None)[::-1]
        _integrate(magnitudes / loudest, per_frame, per_bin, order, phases)
    # From the middle of each frame to its first sample.
    return phases - np.pi * (size - 1) / size * np.arange(magnitudes.shape[1])


def gradients(magnitudes: np.ndarray, hop: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how far the phase turns from frame to frame and from bin to bin, in radians.

    Parameters are those of :func:`integrate_phases`, and so are the shapes of the results.
    """
    logarithms = np.log(np.maximum(magnitudes, _TOLERANCE * magnitudes.max()))
    scale = HAMMING * size / hop
    over_frames = np.gradient(logarithms, axis=0) if len(logarithms) > 1 else np.zeros_like(logarithms)
    turning = 2 * np.pi * hop / size * np.arange(magnitudes.shape[1])
    return turning + np.gradient(logarithms, axis=1) / scale, -scale * over_frames


@numba.njit(nogil=True)
def _integrate(
    magnitudes: np.ndarray, per_frame: np.ndarray, per_bin: np.ndarray, order: np.ndarray, phases: np.ndarray
) -> None:  # pragma: no cover  (compiled)
    """Overwrite the phases of all but the faintest values, island by island, by the trapezoidal rule.

    `order` has the flat indices of `magnitudes`, whose maximum is 1, from the loudest to the faintest.
    """
    frames, bins = magnitudes.shape
    known = magnitudes <= _TOLERANCE
    for start in order:
        frame, bin_ = start // bins, start % bins
        if known[frame, bin_]:
            continue
        known[frame, bin_] = True
        phases[frame, bin_] = 0.0
        border = [(-magnitudes[frame, bin_], start)]
        while len(border):
            _, index = heapq.heappop(border)
            frame, bin_ = index // bins, index % bins
            for step, up in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                later, higher = frame + step, bin_ + up
                if not (0 <= later < frames and 0 <= higher < bins) or known[later, higher]:
                    continue
                turn = step * (per_frame[frame, bin_] + per_frame[later, higher])
                turn += up * (per_bin[frame, bin_] + per_bin[later, higher])
                phases[later, higher] = phases[frame, bin_] + turn / 2
                known[later, higher] = True
                heapq.heappush(border, (-magnitudes[later, higher], later * bins + higher))
