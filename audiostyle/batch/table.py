"""``results.csv`` and ``labels.csv``: what all finished transfers came to, and how the labels' pairs compare."""

import contextlib
import csv
import filecmp
import math
import shlex
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from audiostyle.batch.conductor import Entry, transfer_command
from audiostyle.batch.plan import BatchPlan, as_csv_bytes, write_if_changed
from audiostyle.batch.state import read_metrics
from audiostyle.errors import InputError
from audiostyle.files import defused, replacing
from audiostyle.invocation import invocation
from audiostyle.run.manifest import read_manifest
from audiostyle.settings.fields import as_text

__all__ = [
    "FACTS",
    "Group",
    "Result",
    "as_number",
    "group_results",
    "read_results",
    "write_failed",
    "write_labels",
    "write_results",
]

#: One finished transfer: names, settings that vary and facts as text and numbers; a number that is not defined is NaN.
Result = dict[str, Any]
#: Content label, style label, and the settings that vary, but for the seed.
Group = tuple[str, ...]

#: What stands before losses and metrics.
FACTS = ("number", "name", "content_label", "style_label")
_FACTS_AFTER = (
    "rounds", "evaluations", "seconds", "seconds_per_evaluation", "peak_memory_bytes", "stuck_row_index_db"
)  # fmt: skip
_LAST = ("folder", "output_sha256", "machine", "kernels", "started", "ended")
# Draws from it are what a label pair's numbers are spread over.
_SEED = "seed"


class _Unchanged(Exception):
    """Leaves a file as it is: whoever watches it is not to think that something has happened."""


def read_results(batch: Path, plan: BatchPlan, entries: Iterable[Entry]) -> Iterator[Result]:
    """Read what each finished transfer came to, one after the other."""
    for entry in entries:
        if entry.found.state not in ("finished", "unmeasured"):
            continue
        line = entry.line
        try:
            record = read_manifest(batch / line.folder)
        except InputError:
            continue  # removed in this moment
        metrics = read_metrics(batch / line.folder)
        settings = plan.settings(line.values)
        machine = record.get("machine", {})
        sounds = (metrics.get("evaluation") or {}).get("sounds", ())
        measured: Mapping[str, Any] = next((one["metrics"] for one in sounds if one.get("role") == "output"), {})
        yield {
            **{name: getattr(line, name) for name in FACTS},
            **{
                name: line.values[name] or plan.base if name == "preset" else as_text(getattr(settings, name))
                for name in plan.varying
            },
            "rounds": len(record.get("rounds", ())),
            "evaluations": record["evaluations"],
            "seconds": (record.get("seconds") or {}).get("total"),
            **{name: record.get(name) for name in _FACTS_AFTER[3:]},
            **{f"loss_{part}": value for part, value in (record["last_loss"] or {}).items()},
            **measured,
            "folder": line.folder,
            "output_sha256": (metrics.get("output") or {}).get("sha256", ""),
            "machine": f"{machine.get('platform', '')} {machine.get('cpu', '')}".strip(),
            "kernels": machine.get("kernels", machine.get("convolution", "")),
            "started": record["started"],
            "ended": record["ended"],
        }


def number_columns(results: Iterable[Result], plan: BatchPlan) -> list[str]:
    """Return the names of all losses and metrics, in the order in which they first come."""
    others = {*FACTS, *plan.varying, *_FACTS_AFTER, *_LAST}
    return list(dict.fromkeys(name for one in results for name in one if name not in others))


def write_results(batch: Path, plan: BatchPlan, entries: Sequence[Entry]) -> list[str]:
    """Write ``results.csv`` and return the names of its losses and metrics; nothing is kept in memory."""
    numbers = number_columns(read_results(batch, plan, entries), plan)
    head = (*FACTS, *plan.varying, *_FACTS_AFTER, *numbers, *_LAST)
    rows = (tuple(_cell(one.get(name)) for name in head) for one in read_results(batch, plan, entries))
    target = batch / "results.csv"
    with contextlib.suppress(_Unchanged), replacing(target, "The results") as part:
        with part.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(head)
            writer.writerows(rows)
        if target.is_file() and filecmp.cmp(part, target, shallow=False):
            raise _Unchanged
    return numbers


def group_results(
    results: Iterable[Result], plan: BatchPlan, numbers: Sequence[str]
) -> dict[Group, dict[str, "array[float]"]]:
    """Return the values of each number for every pair of labels, and every point of the sweep; seeds together."""
    keys = ("content_label", "style_label", *(name for name in plan.varying if name != _SEED))
    groups: dict[Group, dict[str, array[float]]] = {}
    for one in results:
        values = groups.setdefault(tuple(one[key] for key in keys), {name: array("d") for name in numbers})
        for name in numbers:
            if (value := as_number(one.get(name))) is not None:
                values[name].append(value)
    return groups


def write_labels(batch: Path, plan: BatchPlan, groups: Mapping[Group, Mapping[str, "array[float]"]]) -> None:
    """Write ``labels.csv``: of each number its count, quartiles and median, for every pair of labels and point."""
    varying = [name for name in plan.varying if name != _SEED]
    head = ("content_label", "style_label", *varying, "number", "n", "lower_quartile", "median", "upper_quartile")
    rows = (
        (*group, name, len(found), *(repr(float(one)) for one in np.percentile(found, (25, 50, 75))))
        for group, values in groups.items()
        for name, found in values.items()
        if len(found)
    )
    write_if_changed(batch / "labels.csv", as_csv_bytes(head, rows), "The table of labels")


def write_failed(batch: Path, plan: BatchPlan, entries: Iterable[Entry]) -> None:
    """Write ``failed.csv``: what failed, why, and the command that makes it alone; no file if nothing did."""
    head = ("number", "name", "content_label", "style_label", "sentence", "folder", "command")
    rows = []
    for entry in entries:
        if entry.failure:
            line = entry.line
            command = f"{invocation('transfer')} {shlex.join(transfer_command(batch, plan, line)[2:])}"
            facts = (line.number, line.name, line.content_label, line.style_label, entry.failure, line.folder, command)
            rows.append([_cell(fact) for fact in facts])
    path = batch / "failed.csv"
    if rows:
        write_if_changed(path, as_csv_bytes(head, rows), "The failures")
    else:
        path.unlink(missing_ok=True)


def as_number(value: Any) -> float | None:
    """Return a finite number, or None."""
    right = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if right else None


def _cell(value: Any) -> str:
    """Return a cell; a number that is not defined is empty, and no text is a formula."""
    if isinstance(value, str):
        return defused(value)
    return "" if value is None else repr(value)
