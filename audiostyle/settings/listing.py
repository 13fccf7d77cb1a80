"""Settings as ``--list-settings`` prints them."""

import dataclasses

from audiostyle.settings.fields import as_text
from audiostyle.settings.settings import Settings

__all__ = ["describe_settings"]


def describe_settings(settings: Settings) -> str:
    """Return the table that ``--list-settings`` prints: name, value, rows, choices, meaning.

    What is not as released is marked by a star, and the released value follows.
    """
    lines = []
    for field in dataclasses.fields(settings):
        meta, value = field.metadata, getattr(settings, field.name)
        rows = f" [{meta['rows']}]" if meta["rows"] else ""
        choices = f" ({' | '.join(map(str, meta['choices']))})" if meta["choices"] is not None else ""
        star, released = ("* ", f", released: {as_text(field.default)}") if value != field.default else ("", "")
        lines.append(f"{star}{field.name} = {as_text(value)}{released}{rows}\n    {meta['help']}{choices}")
    return "\n".join(lines)
