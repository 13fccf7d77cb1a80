"""Named sets of settings: what the authors released, what the paper says, and what sounds better."""

from typing import Any

from audiostyle.errors import InputError
from audiostyle.settings.nearest import did_you_mean
from audiostyle.settings.settings import Settings

__all__ = ["PRESETS", "preset", "preset_of"]

# The audible faults mended.
_CORRECTED: dict[str, Any] = {
    "mel_order": "mel_then_log",  # D1: averaged logarithms lose the peaks
    "mel_sample_rate": 22050,  # D2
    "mel_fmin": 40.0,  # D2: the released filters begin at 54 Hz, and 125 Hz would cut the bass off
    "mel_fmax": 10000.0,  # D2: what 20000 Hz meant at twice the sample rate
    "spec_edges": "edge",  # T5: or the first and last moments are noise
    "spec_zoom_axes": "time",  # D6: half the frequencies do not hold a spectrum of sharp peaks
    "spec_orientation": "time_columns",  # D7
    "quantise_maximum": "clip",  # T1
    "quantise_rounding": "round",  # T2
    "output_channel": "mean",  # T4
    "frame_padding": "exact",  # T8
    "inversion": "griffinlim",  # T9 T10 T11
    "inversion_iterations": 100,  # T12
    "inversion_floor": "silent",  # T14
    "int16_peak": "clip",  # T13
}

# The content in the style's sound: docs/listening.md has what was tried and measured.
_LISTENING: dict[str, Any] = {
    **_CORRECTED,
    "rowac": True,
    "colac": True,
    "n_mels": 192,  # a finer picture keeps more of the content, and its timbre is nearer the style's
    "start": "content",  # T15
    "restart": "continue",  # T16
    "iterations": 3,  # D5: two rounds; with each more there is less of the content and no more of the timbre
    "ac_mean": "removed",  # T23: only then are rows of the content's rhythm turned to the style's ...
    "row_weight": 1e-7,  # ... and with this weight, where the content's has its say, too
    "row_levels": "style",  # T26
    "inversion_phase": "pghi",  # T12
    "inversion_iterations": 200,  # T12
    "output_level": "loudness",  # T14
}

PRESETS: dict[str, dict[str, Any]] = {
    # What the authors' code does.
    "released": {},
    # What the paper's text says, wherever it says something; the rest stays as released.
    "paper": {
        "representation": "mfcc",  # D1, section 3: the DCT of the log of the mel spectrum
        "mel_order": "mel_then_log",  # D1
        "mel_sample_rate": 22050,  # D2: filters for the clips' own sample rate ...
        "mel_fmax": 11025.0,  # ... so up to its Nyquist frequency
        "spec_zoom": 1,  # D6, section 4.2: 1024 x 1712
        "spec_orientation": "time_columns",  # D7, section 3: the horizontal axis is time
        "tv_weight": 0.0,  # D3: four losses, no total variation
        "round_count": "as_asked",  # D5, section 4.1: 40 and 25 iterations
        "ac_normaliser": "height_width",  # D9
        # T1: an accident of the code that the text knows nothing of; it would make the largest cepstral
        # coefficient the smallest.
        "quantise_maximum": "clip",
    },
    "corrected": _CORRECTED,
    "listening": _LISTENING,
    # The same with more of the style's beat and course, and less of the content's harmony.
    "rhythm": {
        **{name: value for name, value in _LISTENING.items() if name != "ac_mean"},  # T23: the loudness's course, too
        "content_weight": 0.0,
        "row_weight": 1e-5,
        "iterations": 5,
    },
}


def preset(name: str) -> Settings:
    """Return the settings of a preset: ``released``, ``paper``, ``corrected``, ``listening`` or ``rhythm``.

    Raises
    ------
    InputError
        If there is no preset of that name.
    """
    if name not in PRESETS:
        hint = did_you_mean(name, PRESETS) or ";"
        raise InputError(f"There is no preset called {name!r}{hint} the presets are {', '.join(PRESETS)}.")
    return Settings(**PRESETS[name])


def preset_of(settings: Settings) -> str:
    """Return the preset whose values settings have wherever presets differ, or nothing if they are a mixture.

    What is asked for beside a preset (``--spec``, ``--rowac``, ``--colac``, ``--iterations``) does not count.
    """
    asked = {"representation", "rowac", "colac", "iterations"}
    compared = {field for values in PRESETS.values() for field in values} - asked
    for name in PRESETS:
        if all(getattr(settings, field) == getattr(preset(name), field) for field in compared):
            return name
    return ""
