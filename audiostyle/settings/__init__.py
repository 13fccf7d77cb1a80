"""Every constant of the pipeline: the fields a setting may have, the settings themselves, the presets."""

from audiostyle.settings.listing import describe_settings
from audiostyle.settings.presets import PRESETS, preset, preset_of
from audiostyle.settings.settings import STYLE_LAYERS, Settings

__all__ = ["PRESETS", "STYLE_LAYERS", "Settings", "describe_settings", "preset", "preset_of"]
