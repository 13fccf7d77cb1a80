"""What settings must keep to together, each being right by itself."""

from typing import Any

from audiostyle.errors import InputError

__all__ = ["check_together"]


def check_together(settings: Any) -> None:
    """Raise InputError if one setting contradicts another."""
    nyquist = settings.sample_rate / 2
    if not settings.bandpass_low < settings.bandpass_high < nyquist:
        raise InputError(
            f"The band-pass edges are {settings.bandpass_low:g} and {settings.bandpass_high:g} Hz, but the lower must "
            f"be below the higher and both below half the sample rate, {nyquist:g} Hz; change bandpass_low or "
            "bandpass_high."
        )
    if not settings.mel_fmin < settings.mel_fmax <= settings.mel_sample_rate / 2:
        raise InputError(
            f"The mel filters' edges are {settings.mel_fmin:g} and {settings.mel_fmax:g} Hz, but the lower must be "
            f"below the higher and both at most half of mel_sample_rate, {settings.mel_sample_rate / 2:g} Hz; change "
            "mel_fmin, mel_fmax or mel_sample_rate."
        )
    if settings.n_fft % 4 or settings.hop_length * 2 > settings.n_fft:
        raise InputError(
            f"n_fft is {settings.n_fft} and hop_length {settings.hop_length}, but n_fft must be a multiple of 4 and at "
            "least twice hop_length."
        )
    if settings.ac_layer_weights and len(settings.ac_layer_weights) != len(settings.ac_layers):
        raise InputError(
            f"ac_layer_weights has {len(settings.ac_layer_weights)} values for the {len(settings.ac_layers)} layers of "
            "ac_layers; give one for each layer, or none."
        )
