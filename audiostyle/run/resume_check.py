"""Whether an archived run and the one asked for are the same, bit for bit.

A round starts from what the archive keeps: an image (T16), and with ``restart="continue"`` what L-BFGS
remembers.  So a run that is resumed gives the very numbers of one that never stopped, as long as clips,
weights, settings and the arithmetic are the same.  What cannot change a number, such as a file's name,
may differ; versions of libraries and the machine may change the last bits and are reported, not refused.
"""

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from audiostyle.errors import InputError
from audiostyle.files import shown
from audiostyle.settings import Settings

if TYPE_CHECKING:
    from audiostyle.run.archived_run import ArchivedRun

__all__ = ["changed_circumstances", "check_same", "resumed_description"]

# What "auto" and "all cores" became decides about the bits, not the words the user gave.
_RESOLVED = ("device", "convolution", "threads", "tile_columns")
_RELEASED = {field.name: field.default for field in dataclasses.fields(Settings)}


def check_same(archived: "ArchivedRun", description: dict[str, Any]) -> None:
    """Refuse to go on with a run as something that it was not.

    Parameters
    ----------
    archived : ArchivedRun
        What is there.
    description : dict
        What is asked for now (:func:`audiostyle.run.description.describe_run`).  Its iterations may be
        more than the archived run's.

    Raises
    ------
    InputError
        If anything differs that decides about the numbers; the text names all of it.
    """
    old, new = archived.description, _plain(description)
    differences = []
    for role in ("content", "style"):
        was, now = _entry(old, "inputs", role), _entry(new, "inputs", role)
        if was.get("sha256") != now.get("sha256"):
            differences.append(f"another {role} clip ({_file(was)}, not {_file(now)})")
    was, now = _entry(old, "weights"), _entry(new, "weights")
    if was.get("sha256") != now.get("sha256"):
        differences.append(f"other weights ({_file(was)}, not {_file(now)})")
    was, now = _entry(old, "settings"), _entry(new, "settings")
    if was:
        # A setting that came later was at its default before: that is what a default is.
        came_later = {name: value for name, value in _plain(_RELEASED).items() if name in now}
        was = came_later | was
    for name in sorted({*was, *now} - {"iterations", *_RESOLVED}):
        if was.get(name) != now.get(name):
            differences.append(f"{name} {_value(was, name)} (not {_value(now, name)})")
    for name in _RESOLVED:
        before, after = _resolved(old, name), _resolved(new, name)
        if before != after:
            differences.append(f"{name} {before} (not {after})")
    if not differences and _asked(now) < _asked(was):
        differences.append(f"iterations {_asked(was)} ({_asked(now)} are fewer; more are allowed)")
    if differences:
        raise InputError(
            f"The run in {shown(archived.path.parent)} cannot be resumed like that, because it was made with "
            f"{'; '.join(differences)}; give what it was made with, or start a new run in another folder."
        )


def changed_circumstances(archived: "ArchivedRun", description: dict[str, Any]) -> list[str]:
    """List what may change the last bits although it is not refused: versions and the machine.

    Returns
    -------
    list of str
        One item for each change, such as ``numpy 1.23.5 (was 1.23.4)``; empty if all is the same.
    """
    old, new = archived.description, _plain(description)
    changes = []
    for group in ("versions", "machine"):
        was, now = _entry(old, group), _entry(new, group)
        changes += [
            f"{name} {_value(now, name)} (was {_value(was, name)})"
            for name in sorted({*was, *now} - set(_RESOLVED))
            if was.get(name) != now.get(name)
        ]
    return changes


def resumed_description(archived: "ArchivedRun", description: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a run that is resumed: the first one's, with the new iterations.

    Under ``resumed`` it lists, for each time, the round after which it was resumed and the
    versions and machine of that time.
    """
    merged, new = dict(archived.description), _plain(description)
    merged["settings"] = {**archived.settings, "iterations": _entry(new, "settings").get("iterations", 0)}
    time = {"after_round": len(archived.rounds), **{group: _entry(new, group) for group in ("versions", "machine")}}
    earlier = merged.get("resumed")
    merged["resumed"] = [*(earlier if isinstance(earlier, list) else []), time]
    return merged


def _plain(description: dict[str, Any]) -> dict[str, Any]:
    """Return `description` as it comes back from an archive: tuples are lists there."""
    return json.loads(json.dumps(description))


def _entry(description: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Return an inner dictionary, or an empty one where an archive has something else."""
    found: Any = description
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _resolved(description: dict[str, Any], name: str) -> Any:
    setting = _entry(description, "settings").get(name, _RELEASED[name])
    return _entry(description, "machine").get(name, setting)


def _asked(settings: dict[str, Any]) -> int:
    """Return the iterations that 0 stands for too (D5)."""
    asked = settings.get("iterations")
    return (asked if isinstance(asked, int) else 0) or (25 if settings.get("representation") == "spectrogram" else 40)


def _value(values: dict[str, Any], name: str) -> str:
    if name not in values:
        return "not recorded"
    value = values[name]
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _file(entry: dict[str, Any]) -> str:
    name, digest = entry.get("name"), str(entry.get("sha256"))[:12]
    return f"{shown(name)}, SHA-256 {digest}..." if isinstance(name, str) else f"SHA-256 {digest}..."
