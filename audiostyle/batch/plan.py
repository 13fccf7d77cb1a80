"""The plan of a batch: every transfer with its clips, settings, signature and folder; kept in the batch's own folder.

``batch.json`` holds what all transfers share, ``plan.csv`` a line for each.  Nothing in them depends on the machine, so
the same command gives the same bytes, and a plan that is there already is not written again.
"""

import csv
import dataclasses
import functools
import hashlib
import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from audiostyle.errors import InputError
from audiostyle.files import AnyPath, read_bytes, sha256_of_file, shown, write_bytes
from audiostyle.settings import Settings, preset

__all__ = ["PLAN_NAME", "BatchPlan", "Line", "as_record", "read_plan", "write_if_changed"]

#: What marks a folder as a batch's.
PLAN_NAME = "batch.json"
_LINES_NAME = "plan.csv"
_SCHEMA = "audiostyle-batch/1"
_HEAD = ("number", "signature", "folder", "content", "style", "content_label", "style_label", "name")
#: What decides where a transfer runs and is the same for the whole batch, so no part of a transfer's name.
_SHARED = ("device", "convolution", "threads")
_UNSAFE = re.compile(r"[^\w.=+-]+")
_LONGEST_NAME = 90
_LARGEST = 2**31


@dataclasses.dataclass(frozen=True)
class Line:
    """One transfer of a plan.

    Attributes
    ----------
    number : int
        From 1.
    signature : str
        SHA-256 of all that decides what is computed, in hexadecimal.
    folder : str
        Where it runs, below the batch's folder.
    content, style : str
        Absolute paths.
    content_label, style_label, name : str
    values : dict of str to str
        Settings that are not the same for all transfers, ``preset`` among them, as text; an empty one is as the preset
        and the batch have it.
    """

    number: int
    signature: str
    folder: str
    content: str
    style: str
    content_label: str
    style_label: str
    name: str
    values: dict[str, str]


@dataclasses.dataclass(frozen=True)
class BatchPlan:
    """What a batch does.

    Attributes
    ----------
    base : str
        Preset of all transfers that name no other.
    assignments : dict of str to str
        Settings of all transfers, as text; what a line says goes before.
    weights : str
        Absolute path, or ``random``.
    weights_sha256 : str or None
        Of the file.
    clips : dict of str to str
        SHA-256 of each clip's file.
    keep : {'last', 'all'}
    pictures, evaluate : bool
    lines : list of Line
    """

    base: str
    assignments: dict[str, str]
    weights: str
    weights_sha256: str | None
    clips: dict[str, str] = dataclasses.field(default_factory=dict)
    keep: str = "last"
    pictures: bool = False
    evaluate: bool = True
    lines: list[Line] = dataclasses.field(default_factory=list)

    @property
    def varying(self) -> list[str]:
        """Names of the settings that are not the same for all transfers."""
        return list(self.lines[0].values) if self.lines else []

    @property
    def shared(self) -> Settings:
        """The settings without what lines say: device, convolution and threads are those of every line."""
        return _settings(self.base, tuple(self.assignments.items()))

    def settings(self, values: dict[str, str]) -> Settings:
        """Return the settings of a line's `values`.

        Raises
        ------
        InputError
            If there is no such setting, or a value is not of its kind.
        """
        chosen = self.assignments | {name: text for name, text in values.items() if text}
        base = chosen.pop("preset", self.base)
        return _settings(base, tuple(chosen.items()))

    def signature(self, content: str, style: str, settings: Settings) -> str:
        """Return the SHA-256 that names a transfer: of its clips, its weights and its settings."""
        parts = [self.clips[content], self.clips[style], self.weights_sha256 or self.weights, _digest(settings)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def write(self, folder: Path) -> None:
        """Write the plan to the batch's folder, unless it is there."""
        document = {
            "schema": _SCHEMA,
            "preset": self.base,
            "settings": self.assignments,
            "weights": {"path": self.weights, "file_sha256": self.weights_sha256},
            "keep": self.keep,
            "pictures": self.pictures,
            "evaluate": self.evaluate,
            "transfers": len(self.lines),
            "varying": self.varying,
            "clips": self.clips,
        }
        rows = (
            (*(getattr(line, name) for name in _HEAD), *(line.values[name] for name in self.varying))
            for line in self.lines
        )
        # batch.json last: it is what makes the folder a batch's.
        write_if_changed(folder / _LINES_NAME, as_csv_bytes((*_HEAD, *self.varying), rows), "The plan")
        write_if_changed(folder / PLAN_NAME, (json.dumps(document, indent=1) + "\n").encode(), "The plan")


def make_lines(plan: BatchPlan, rows: Iterable[dict[str, str]], points: Sequence[dict[str, str]]) -> Iterator[Line]:
    """Return a line for each row of a table of pairs with each point of a sweep; what repeats another is left out.

    Parameters
    ----------
    plan : BatchPlan
        With the SHA-256 of every clip.
    rows : iterable of dict
        ``content``, ``style``, ``content_label``, ``style_label``, ``name``, and settings as text.
    points : sequence of dict
    """
    seen: set[str] = set()
    for row, point in ((row, point) for row in rows for point in points):
        values = {**{name: text for name, text in row.items() if name not in _HEAD}, **point}
        signature = plan.signature(row["content"], row["style"], plan.settings(values))
        if signature in seen:
            continue
        seen.add(signature)
        labels = f"{_safe(row['content_label'])}+{_safe(row['style_label'])}"
        name = row["name"] or f"{Path(row['content']).stem}+{Path(row['style']).stem}"
        yield Line(
            len(seen),
            signature,
            f"runs/{labels}/{_safe(name)}-{signature[:12]}",
            row["content"],
            row["style"],
            row["content_label"],
            row["style_label"],
            name,
            values,
        )


def read_plan(folder: AnyPath) -> BatchPlan:
    """Read the plan that a batch's folder holds.

    Raises
    ------
    InputError
        If there is none, or it is damaged.
    """
    path = Path(os.fsdecode(folder)) / PLAN_NAME
    try:
        document = json.loads(read_bytes(path, _LARGEST))
        if document["schema"] != _SCHEMA:
            raise ValueError("another version of AudioStyle made it")
        plan = BatchPlan(
            document["preset"],
            dict(document["settings"]),
            document["weights"]["path"],
            document["weights"]["file_sha256"],
            dict(document["clips"]),
            document["keep"],
            document["pictures"],
            document["evaluate"],
        )
        text = read_bytes(path.with_name(_LINES_NAME), _LARGEST).decode("utf-8", "surrogateescape")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        plan.lines.extend(_line(row) for row in reader)
        if len(plan.lines) != document["transfers"]:
            raise ValueError(f"{_LINES_NAME} has {len(plan.lines)} lines and should have {document['transfers']}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error) as error:
        why = str(error) if isinstance(error, ValueError) else "its contents are not a plan's"
        raise InputError(
            f"The plan {shown(path)} cannot be read: {why}; give the command with the table of pairs again, which "
            "makes it anew."
        ) from error
    return plan


def as_record(settings: Settings) -> dict[str, Any]:
    """Return settings as ``run.json`` has them, without what the whole batch shares."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in dataclasses.asdict(settings).items()
        if name not in _SHARED
    }


def as_csv_bytes(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Return a table as the bytes of a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


def write_if_changed(path: Path, data: bytes, what: str) -> None:
    """Write a file, unless it has these very bytes already."""
    if not (path.is_file() and path.stat().st_size == len(data) and read_bytes(path, _LARGEST) == data):
        write_bytes(path, data, what)


def file_hashes(paths: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of each file, each read once."""
    return {path: sha256_of_file(path) for path in dict.fromkeys(paths)}


@functools.lru_cache(maxsize=2**17)
def _settings(base: str, chosen: tuple[tuple[str, str], ...]) -> Settings:
    return preset(base).with_text(dict(chosen))


@functools.lru_cache(maxsize=2**17)
def _digest(settings: Settings) -> str:
    """Return the SHA-256 of what is not as released, so that a new setting changes no signature of old."""
    released = as_record(Settings())
    changed = {name: value for name, value in as_record(settings).items() if value != released[name]}
    return hashlib.sha256(json.dumps(changed, sort_keys=True).encode()).hexdigest()


def _safe(name: str) -> str:
    """Return a name that any file system takes and no shell minds."""
    plain = _UNSAFE.sub("_", name).lstrip(".-") or "_"
    return plain.encode("utf-8", "replace")[:_LONGEST_NAME].decode("utf-8", "ignore")


def _line(row: dict[str, Any]) -> Line:
    fixed = {name: row.pop(name) for name in _HEAD}
    if None in row or any(not isinstance(value, str) for value in [*row.values(), *fixed.values()]):
        raise ValueError(f"a line of {_LINES_NAME} has too many or too few cells")
    folder = Path(fixed["folder"])
    if folder.is_absolute() or ".." in folder.parts:
        raise ValueError(f"a line of {_LINES_NAME} names a folder outside the batch's")
    return Line(**{**fixed, "number": int(fixed["number"])}, values=row)
