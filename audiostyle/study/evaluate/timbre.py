"""Timbre: is the sound's colour, in mean and spread, that of the style?

Conventions
-----------
Features are ``(n_features, n_frames)``, one column per moment; their order in time plays no part.

Metrics
-------
* :func:`frechet_distance` of MFCC frames -- a Gaussian on MFCC frames is the classic model of timbre
  (Mandel and Ellis 2005; Jensen et al. 2009); the distance between two of them is Frechet's (Dowson
  and Landau 1982), as in the Frechet Audio Distance (Kilgour et al. 2019), but without a network

References
----------
J. H. Jensen et al., Quantitative analysis of a common audio similarity measure, IEEE TASLP 17(4), 2009.

D. C. Dowson and B. V. Landau, The Frechet distance between multivariate normal distributions,
J. Multivariate Anal. 12, 1982.
"""

from collections import OrderedDict

import numpy as np

from audiostyle.study.evaluate.sounds import Sound

__all__ = ["evaluate", "frechet_distance", "mfcc_frames", "validate"]

# 13, of which the first, the loudness, is dropped (Cifka et al. 2021 do the same).
_COEFFICIENTS = 13
_BANDS = 128
_DYNAMIC_RANGE = 80.0


def validate(features: np.ndarray, reference: np.ndarray) -> None:
    """Raise ValueError unless both are ``(n_features, n_frames)`` with the same features and two frames or more."""
    if features.ndim != 2 or reference.ndim != 2 or len(features) != len(reference):
        raise ValueError(f"Two matrices with the same features are needed, not {features.shape} and {reference.shape}.")
    if min(features.shape[1], reference.shape[1]) < 2:
        raise ValueError("A covariance needs two frames or more.")


def mfcc_frames(sound: Sound) -> np.ndarray:
    """MFCC 1 to 12 of a sound, ``(12, n_frames)``: of dB below its loudest point, so loudness plays no part."""
    import librosa

    power = librosa.feature.melspectrogram(
        y=sound.samples, sr=sound.sample_rate, n_fft=2048, hop_length=sound.hop, n_mels=_BANDS
    )
    # Relative to the maximum before the logarithm, since librosa's smallest power is an absolute one.
    decibels = librosa.power_to_db(power / max(float(power.max()), 1e-300), ref=1.0, top_db=_DYNAMIC_RANGE)
    return librosa.feature.mfcc(S=decibels, n_mfcc=_COEFFICIENTS)[1:].astype(np.float64)


def frechet_distance(features: np.ndarray, reference: np.ndarray) -> float:
    """Squared Frechet distance between the Gaussians of two sets of frames [0 ..] (Dowson and Landau 1982).

    ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))``.  0 for equal means and covariances; symmetric;
    blind to the order of the frames.

    Examples
    --------
    >>> features = np.random.RandomState(0).normal(size=(3, 500))
    >>> round(frechet_distance(features, features + np.array([[2.0], [0.0], [0.0]])), 6)
    4.0
    """
    validate(features, reference)
    gap = features.mean(axis=1) - reference.mean(axis=1)
    c1, c2 = np.cov(features), np.cov(reference)
    # The eigenvalues of C1 C2 are those of the symmetric C1^(1/2) C2 C1^(1/2), which rounding leaves real.
    values, vectors = np.linalg.eigh(np.atleast_2d(c1))
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    product = np.linalg.eigvalsh(root @ np.atleast_2d(c2) @ root)
    spread = np.trace(np.atleast_2d(c1)) + np.trace(np.atleast_2d(c2)) - 2 * np.sqrt(np.maximum(product, 0.0)).sum()
    return float(gap @ gap + max(spread, 0.0))


def evaluate(output: Sound, content: Sound, style: Sound) -> "OrderedDict[str, float]":
    """Return every number of this module for one output."""
    frames = mfcc_frames(output)
    scores: OrderedDict[str, float] = OrderedDict()
    scores["mfcc_frechet_style"] = frechet_distance(frames, mfcc_frames(style))
    scores["mfcc_frechet_content"] = frechet_distance(frames, mfcc_frames(content))
    return scores
