"""The scale's last column: the content after image and inversion, with no transfer between them.

What an output lacks beside this, the transfer took away; what this lacks beside the content, the way
through the picture and back took (metric list B.2: separates transfer error from inversion error).
"""

import numpy as np

from audiostyle.settings import Settings

__all__ = ["after_inversion"]


def after_inversion(samples: np.ndarray, settings: Settings) -> np.ndarray:
    """Take samples to the network's image and back, as a transfer that changes nothing would.

    Parameters
    ----------
    samples : np.ndarray
        ``(n_samples,)``, band-passed, at ``settings.sample_rate``.
    settings : Settings
        Every setting from samples to image and back.

    Returns
    -------
    np.ndarray
        Samples as a player gets them from the WAV file, 16-bit steps and all, full scale at 1.
    """
    from audiostyle.audio.clip import to_int16
    from audiostyle.audio.inversion import invert
    from audiostyle.audio.output_level import level_of
    from audiostyle.audio.representation import in_time_with, represent, unrepresent
    from audiostyle.audio.spectrogram import log_spectrogram
    from audiostyle.image import image_to_tensor, tensor_to_values, values_to_image

    values = represent(log_spectrogram(samples, settings), settings, samples)
    image, bounds = values_to_image(values, settings)
    back = tensor_to_values(image_to_tensor(image, settings), {"content": bounds, "style": bounds}, settings)
    level = level_of(samples, settings)
    made = invert(unrepresent(back, settings), settings, content=in_time_with(samples, settings))
    return to_int16(made, settings, level) / 32768.0
