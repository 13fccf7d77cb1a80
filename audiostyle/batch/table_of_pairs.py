"""A table of pairs, as ``audiostyle pairs`` writes it and as people do, with all that is wrong with it said at once."""

import csv
import dataclasses
import io
import os
from collections.abc import Sequence
from pathlib import Path

from audiostyle.batch.plan import BatchPlan, file_hashes, make_lines
from audiostyle.errors import InputError
from audiostyle.files import AnyPath, read_bytes, shown
from audiostyle.settings import Settings
from audiostyle.settings.nearest import did_you_mean

__all__ = ["add_lines", "read_pairs"]

_COLUMNS = ("content", "style", "content_label", "style_label", "name")
_SHARED = ("device", "convolution", "threads")
_SETTINGS = ("preset", *(field.name for field in dataclasses.fields(Settings)))
_LARGEST = 2**30
_FAULTS_SHOWN = 20


def read_pairs(path: AnyPath) -> list[dict[str, str]]:
    """Read a table of pairs: ``content``, ``style``, and if there are any labels, names, and settings as columns.

    Returns
    -------
    list of dict
        With absolute paths, and the clip's name where no label is given.

    Raises
    ------
    InputError
        If it is no such table, or clips are missing.
    """
    try:
        text = read_bytes(path, _LARGEST).decode("utf-8-sig", "surrogateescape")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        head = [name.strip() for name in reader.fieldnames or ()]
        _check_head(path, head)
        reader.fieldnames = head
        rows = list(reader)
    except csv.Error as error:
        raise InputError(f"The table of pairs {shown(path)} cannot be read: {error}.") from error
    base = Path(os.path.abspath(os.fsdecode(path))).parent
    faults: list[str] = []
    known: dict[str, tuple[str, bool]] = {}
    pairs = []
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            faults.append(f"line {number} has {'more' if None in row else 'fewer'} cells than the first one")
            continue
        pair = {name: text.strip() for name, text in row.items()}
        for role in ("content", "style"):
            name = pair[role]
            if name not in known:
                whole = os.path.normpath(base / name)
                known[name] = whole, "\0" not in whole and os.path.isfile(whole)
            pair[role], there = known[name]
            if not name or not there:
                faults.append(f"line {number}: {f'there is no file {name!r}' if name else f'no {role} is named'}")
            pair[f"{role}_label"] = pair.get(f"{role}_label") or Path(name).stem
        pair.setdefault("name", "")
        pairs.append(pair)
    _refuse(path, faults)
    if not pairs:
        raise InputError(f"The table of pairs {shown(path)} has no lines below the first one.")
    return pairs


def add_lines(plan: BatchPlan, pairs: Sequence[dict[str, str]], points: Sequence[dict[str, str]]) -> BatchPlan:
    """Return the plan with a line for each pair and point, after checking every setting.

    Raises
    ------
    InputError
        If a setting is unknown, wrong, or said twice.
    """
    columns = [name for name in pairs[0] if name not in _COLUMNS]
    faults: list[str] = []
    axes = list(dict.fromkeys(name for point in points for name in point))
    for name in axes:
        if name in _SHARED:
            faults.append(f"the sweep varies {name}, which is the same for the whole batch; give --{name}")
        elif name not in _SETTINGS:
            hint = did_you_mean(name, _SETTINGS) or "; audiostyle transfer --list-settings shows them all"
            faults.append(f"the sweep names {name!r}, which is no setting{hint}")
        elif name in columns:
            faults.append(f"{name} is a column of the pairs and in the sweep; take it out of one")
    filled = [{name: point.get(name, "") for name in axes} for point in points] if not faults else []
    tried: set[tuple[str, ...]] = set()
    for number, row in enumerate(pairs, start=2):
        values = {name: row[name] for name in columns}
        if (key := tuple(values.values())) in tried or faults[_FAULTS_SHOWN:]:
            continue
        tried.add(key)
        for at, point in enumerate(filled):
            try:
                plan.settings({**values, **point})
            except InputError as error:
                where = f"line {number}" if columns else f"point {at + 1} of the sweep"
                faults.append(f"{where}: {str(error).rstrip('.')}")
                break
    _refuse("the pairs and the sweep", faults)
    plan.clips.update(file_hashes(row[role] for row in pairs for role in ("content", "style")))
    plan.lines.extend(make_lines(plan, pairs, filled))
    return plan


def _check_head(path: AnyPath, head: Sequence[str]) -> None:
    if not {"content", "style"} <= set(head):
        raise InputError(
            f"The table of pairs {shown(path)} must begin with a line of column names, content and style among them; "
            "audiostyle pairs makes such a table."
        )
    for name in head:
        if name in _SHARED:
            raise InputError(f"The column {name} of {shown(path)} is the same for the whole batch; give --{name}.")
        if name not in (*_COLUMNS, *_SETTINGS):
            hint = did_you_mean(name, [*_COLUMNS, *_SETTINGS]) or (
                "; columns are content, style, content_label, style_label, name, preset, and settings."
            )
            raise InputError(f"The column {name!r} of {shown(path)} is unknown{hint}")
        if head.count(name) > 1:
            raise InputError(f"The table of pairs {shown(path)} has two columns {name}.")


def _refuse(path: AnyPath, faults: Sequence[str]) -> None:
    if faults:
        more = f"; and {len(faults) - _FAULTS_SHOWN} more" if len(faults) > _FAULTS_SHOWN else ""
        where = path if path == "the pairs and the sweep" else f"the table of pairs {shown(path)}"
        raise InputError(f"In {os.fsdecode(where)}: {'; '.join(faults[:_FAULTS_SHOWN])}{more}.")
