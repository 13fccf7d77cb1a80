"""Measures of others: sounds are listed for programs that need an environment of their own, and their numbers read.

A sound is known by the SHA-256 of its file, so that a number cannot be given to another sound by mistake.  Two forms:

``.csv``
    A row for each sound, ``sha256,role,name,path`` as exported; every further column is a measure.
``.json``
    ``{"schema": "audiostyle-measures/1", "sounds": [{"sha256", "role", "name", "path"}], "measures": {NAME:
    {"values": {SHA256: number}}}}``; what else a measure has, such as its source, is for people.
"""

import csv
import io
import json
import math
import os
import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from audiostyle.errors import InputError
from audiostyle.files import defused, read_bytes, sha256_of_file, shown, write_bytes
from audiostyle.study.evaluate.catalogue import metric

__all__ = ["SCHEMA", "Measures", "export_sounds", "read_measures"]

#: Name and version of the JSON's form.
SCHEMA = "audiostyle-measures/1"

_KNOWN = ("sha256", "role", "name", "path")
_SHA256 = re.compile("[0-9a-f]{64}")
_LARGEST = 2**26
_LONGEST_NAME = 60

Measures = OrderedDict[str, dict[str, float]]


def export_sounds(path: str, sounds: Sequence[tuple[str, str, str]]) -> None:
    """Write the list of sounds to be measured elsewhere.

    Parameters
    ----------
    path : str
        A file that ends in ``.csv`` or ``.json``.
    sounds : sequence of tuple
        Role, name and file of each; a file that is listed twice is written once.

    Raises
    ------
    InputError
        If a sound cannot be read, or the file cannot be of either form.
    """
    is_json = _is_json(path)
    rows: dict[str, dict[str, str]] = {}
    for role, name, file in sounds:
        digest = sha256_of_file(file)
        rows.setdefault(digest, {"sha256": digest, "role": role, "name": name, "path": os.path.abspath(file)})
    if is_json:
        text = json.dumps({"schema": SCHEMA, "sounds": list(rows.values()), "measures": {}}, indent=1) + "\n"
    else:
        table = io.StringIO()
        writer = csv.DictWriter(table, _KNOWN, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: defused(value) for name, value in row.items()} for row in rows.values())
        text = table.getvalue()
    write_bytes(path, text.encode("utf-8", "surrogateescape"), "The list of sounds")


def read_measures(path: str) -> Measures:
    """Return measure to (SHA-256 of a sound to number).

    Raises
    ------
    InputError
        If the file is of neither form, or a number is none.
    """
    is_json = _is_json(path)
    try:
        text = read_bytes(path, _LARGEST).decode("utf-8-sig")
        found = _from_json(json.loads(text)) if is_json else _from_csv(text)
    except (ValueError, RecursionError, csv.Error) as error:
        said = f"{error.msg} in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise InputError(
            f"The measures in {shown(path)} cannot be used: {said}; docs/metrics.md has the form."
        ) from None
    if not found:
        raise InputError(f"There is no measure in {shown(path)}; docs/metrics.md says how to add one.")
    return found


def _from_csv(text: str) -> Measures:
    reader = csv.DictReader(io.StringIO(text), restval="")
    names = [name for name in reader.fieldnames or [] if name not in _KNOWN]
    if "sha256" not in (reader.fieldnames or []):
        raise ValueError("it has no column sha256")
    found: Measures = OrderedDict((_name(name), {}) for name in names)
    for row in reader:
        digest = _digest(row["sha256"])
        if None in row:
            raise ValueError(f"line {reader.line_num} has more cells than the first")
        for name in names:
            if (cell := row[name].strip()) not in ("", "-"):
                found[name.strip()][digest] = _number(name, cell)
    return found


def _from_json(document: Any) -> Measures:
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ValueError(f"its schema is not {SCHEMA}")
    measures = document.get("measures")
    found: Measures = OrderedDict()
    for name, entry in measures.items() if isinstance(measures, dict) else ():
        values = entry.get("values") if isinstance(entry, dict) else None
        if not isinstance(values, dict):
            raise ValueError(f"the measure {name[:_LONGEST_NAME]!a} has no values")
        found[_name(name)] = {
            _digest(digest): _number(name, value) for digest, value in values.items() if value is not None
        }
    return found


def _is_json(path: str) -> bool:
    ending = os.path.splitext(path)[1].lower()
    if ending not in (".csv", ".json"):
        raise InputError(f"The list of sounds is a CSV or a JSON, but {shown(path)} does not end in .csv or .json.")
    return ending == ".json"


def _name(name: str) -> str:
    if not 0 < len(name.strip()) <= _LONGEST_NAME or not name.isprintable():
        raise ValueError(f"a measure has no name that can be shown, or one of more than {_LONGEST_NAME} characters")
    if metric(name.strip()).anchor:
        raise ValueError(f"{name.strip()} is the name of a measure of this program; give it another")
    return name.strip()


def _digest(text: Any) -> str:
    if not isinstance(text, str) or not _SHA256.fullmatch(text.strip().lower()):
        raise ValueError(f"{str(text)[:_LONGEST_NAME]!a} is no SHA-256")
    return text.strip().lower()


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise ValueError(
            f"{name[:_LONGEST_NAME]!a} of a sound is {str(value)[:_LONGEST_NAME]!a}, but it must be a number"
        )
    return number
