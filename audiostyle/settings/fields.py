"""What a setting may be: the metadata of a field, and how its values are checked and read from text."""

import dataclasses
import re
from typing import Any

from audiostyle.errors import InputError
from audiostyle.settings.nearest import did_you_mean

__all__ = ["TIMES", "as_text", "check_setting", "parse_setting", "setting"]

#: Settings that say which stretch of the clips is used; they may be given as minutes and seconds, or with hours.
TIMES = ("duration", "duration_style", "offset_content", "offset_style")
_CLOCK = re.compile(r"(?:(\d{1,9}):)?(\d{1,9}):([0-5]?\d(?:\.\d*)?)", re.ASCII)
# Of a weight; a whole number may be larger than any float.
_LARGEST = 1e300


def setting(
    default: Any,
    meaning: str,
    *,
    rows: str = "",
    choices: tuple[Any, ...] | None = None,
    low: float | None = None,
    high: float | None = None,
) -> Any:
    """Return a dataclass field with a default, its meaning, its rows of the differences table and its limits."""
    metadata = {"help": meaning, "rows": rows, "choices": choices, "low": low, "high": high}
    return dataclasses.field(default=default, metadata=metadata)


def as_text(value: Any) -> str:
    """Return a value as ``--set`` takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def check_setting(field: Any, value: Any) -> None:
    """Raise InputError unless `value` is of the field's type, choices and range."""
    meta, name = field.metadata, field.name
    if isinstance(field.default, tuple):
        numeric = name == "ac_layer_weights"
        if not isinstance(value, tuple):
            fine = False
        elif numeric:
            fine = all(isinstance(item, (int, float)) and 0 <= item <= _LARGEST for item in value)
        else:
            fine = all(isinstance(item, str) and item in meta["choices"] for item in value)
            fine = fine and len(set(value)) == len(value) > 0
        expected = (
            "finite numbers of at least 0" if numeric else "a list of different ones of " + ", ".join(meta["choices"])
        )
    elif meta["choices"] is not None:
        # To Python, True is 1.
        fine = not isinstance(value, bool) and value in meta["choices"]
        expected = "one of " + ", ".join(map(str, meta["choices"]))
    elif isinstance(field.default, bool):
        fine, expected = isinstance(value, bool), "true or false"
    elif isinstance(field.default, (int, float)):
        whole = isinstance(field.default, int)
        kinds = (int,) if whole else (int, float)
        # A NaN is in no range, and a whole number too large for a float can still be compared.
        fine = isinstance(value, kinds) and not isinstance(value, bool) and meta["low"] <= value <= meta["high"]
        expected = f"a {'whole ' if whole else ''}number from {meta['low']:g} to {meta['high']:g}"
    else:
        fine, expected = isinstance(value, str) and value != "", "a name"
    if not fine:
        hint = _hint(value, meta["choices"] or ()) or "."
        raise InputError(f"The setting {name} is {value!r:.60}, but it must be {expected} ({meta['help']}){hint}")


def _hint(value: Any, choices: tuple[Any, ...]) -> str:
    """Return what was meant by the first word of a value that is no choice."""
    words = value if isinstance(value, tuple) else (value,)
    return next((did_you_mean(word, choices) for word in words if word not in choices), "")


def parse_setting(field: Any, text: str) -> Any:
    """Read `text` as a value of the field's type; what cannot be read is left to `check_setting`."""
    default = field.default
    if field.name in TIMES and (clock := _CLOCK.fullmatch(text.strip())):
        hours, minutes, seconds = clock.groups()
        return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds)
    try:
        if isinstance(default, bool):
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
                text.lower(), text
            )
        if isinstance(default, tuple):
            items = tuple(item.strip() for item in text.split(",") if item.strip())
            return tuple(float(item) for item in items) if field.name == "ac_layer_weights" else items
        return type(default)(text)
    except ValueError:
        return text
