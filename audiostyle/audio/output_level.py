"""How loud the result is written: by its peak, or as loud as the content clip (T14)."""

import numpy as np

from audiostyle.audio.loudness import loudness
from audiostyle.errors import RunError
from audiostyle.settings import Settings

__all__ = ["level_of", "scaled"]


def level_of(content: np.ndarray, settings: Settings) -> float:
    """Return the level of the content clip that ``output_level`` goes by: LUFS for ``loudness``, else RMS.

    Parameters
    ----------
    content : np.ndarray ``(n_samples,)`` or ``(n_samples, n_channels)``
        At the sample rate of the settings, full scale at 1.
    settings : Settings
    """
    if settings.output_level == "loudness":
        return loudness(content, settings.sample_rate)
    return float(np.sqrt(np.mean(content**2)))


def scaled(
    samples: np.ndarray, settings: Settings, level: float | None = None, sample_rate: int | None = None
) -> np.ndarray:
    """Scale samples to what a file holds, full scale at 1.

    Parameters
    ----------
    samples : np.ndarray
        Samples of shape ``(n_samples,)`` or ``(n_samples, n_channels)``, any scale.
    settings : Settings
        ``output_level`` chooses the gain: ``peak`` brings the largest sample to full scale,
        ``content`` and ``loudness`` bring RMS and LUFS to `level`, or as near as full scale allows.
    level : float, optional
        What :func:`level_of` says of the content clip; not needed for ``output_level="peak"``.
    sample_rate : int, optional
        Of `samples`, if it is not that of the settings.

    Returns
    -------
    np.ndarray
        float64 of the shape of `samples`.

    Raises
    ------
    RunError
        If the samples are silent or not finite.
    """
    samples = np.asarray(samples, dtype=np.float64)
    peak = np.abs(samples).max(initial=0.0)
    if not np.isfinite(samples).all() or peak == 0:
        state = "silent" if peak == 0 else "not finite"
        raise RunError(f"The resulting samples are {state}, so no sound can be written; the transfer went wrong.")
    result = samples / peak
    if settings.output_level == "peak":
        return result
    if level is None:
        raise ValueError(f"output_level={settings.output_level!r} needs the level of the content clip.")
    if settings.output_level == "content":
        return result * min(1.0, level / np.sqrt(np.mean(result**2)))
    if not np.isfinite(level):  # a content clip that is below every gate says nothing
        return result
    return result * min(1.0, 10 ** ((level - loudness(result, sample_rate or settings.sample_rate)) / 20))
