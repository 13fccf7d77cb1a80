"""How loud a sound is to the ear: integrated loudness in LUFS.

References
----------
ITU-R BS.1770-4, Algorithms to measure audio programme loudness and true-peak audio level, 2015, annex
1: the two filters, the blocks of 400 ms and the two gates.  The standard gives the filters at 48 kHz;
the analogue ones behind them, for other rates, are those of B. De Man, Evaluation of implementations
of the EBU R128 loudness measurement, AES 145th Convention, 2018.
"""

import numpy as np

__all__ = ["k_weighting", "loudness"]

_BLOCK_SECONDS, _OVERLAP = 0.4, 0.75
_ABSOLUTE_GATE, _RELATIVE_GATE = -70.0, -10.0
_OFFSET = -0.691


def k_weighting(sample_rate: int) -> np.ndarray:
    """Return the filter of head and ear as second-order sections ``(2, 6)``: a high shelf and a high-pass."""
    sections = []
    # Middle frequency in Hz, quality, gain of what is above it in dB.
    for hertz, quality, decibels in (
        (1681.974450955533, 0.7071752369554196, 3.999843853973347),
        (38.13547087602444, 0.5003270373238773, None),
    ):
        k = np.tan(np.pi * hertz / sample_rate)
        norm = 1 + k / quality + k**2
        if decibels is None:
            b = [1.0, -2.0, 1.0]
        else:
            high = 10 ** (decibels / 20)
            band = high**0.4996667741545416
            b = [
                (high + band * k / quality + k**2) / norm,
                2 * (k**2 - high) / norm,
                (high - band * k / quality + k**2) / norm,
            ]
        sections.append([*b, 1.0, 2 * (k**2 - 1) / norm, (1 - k / quality + k**2) / norm])
    return np.array(sections)


def loudness(samples: np.ndarray, sample_rate: int) -> float:
    """Return the integrated loudness of a sound in LUFS.

    Parameters
    ----------
    samples : np.ndarray ``(n_samples,)`` or ``(n_samples, n_channels)``
        Full scale at 1.  All channels weigh the same, as left, right and centre do.
    sample_rate : int
        In Hz.

    Returns
    -------
    float
        ``-inf`` for silence and for what is below the absolute gate of -70 LUFS.
    """
    import scipy.signal

    channels = np.asarray(samples, dtype=np.float64).reshape(len(samples), -1)
    weighted = scipy.signal.sosfilt(k_weighting(sample_rate), channels, axis=0)
    size = min(round(_BLOCK_SECONDS * sample_rate), len(channels))
    hop = max(1, round(size * (1 - _OVERLAP)))
    energy = np.concatenate([np.zeros(1), np.cumsum((weighted**2).sum(axis=1))])
    starts = np.arange(0, len(channels) - size + 1, hop)
    powers = (energy[starts + size] - energy[starts]) / size
    powers = powers[powers > 10 ** ((_ABSOLUTE_GATE - _OFFSET) / 10)]
    if not powers.size:
        return float("-inf")
    loud = powers[powers > powers.mean() * 10 ** (_RELATIVE_GATE / 10)]
    return float(_OFFSET + 10 * np.log10(loud.mean()))
