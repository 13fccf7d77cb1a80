"""Sets instead of pairs: many results, each against its own content and style, summed up by median and range.

The list is a CSV with a header: ``content,style,result`` and, if there are several methods, ``label``; files are named
relative to the list's folder.
"""

import csv
import io
import json
import os
import statistics
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from audiostyle.errors import InputError
from audiostyle.files import read_bytes, shown
from audiostyle.settings import Settings
from audiostyle.study.evaluate.measured_files import Measurements, Row, evaluate_files
from audiostyle.study.evaluate.outside import Measures
from audiostyle.study.evaluate.tables import aligned_table, as_document, short_number
from audiostyle.weights.load import Weights

__all__ = ["SCHEMA", "Pair", "evaluate_pairs", "read_pairs", "set_as_json", "set_as_table", "summarise"]

#: Name and version of the JSON's form.
SCHEMA = "audiostyle-evaluation-set/1"

_LARGEST = 2**24
_COLUMN = 24


class Pair(NamedTuple):
    """A line of the list.

    Attributes
    ----------
    content, style, result : str
    label : str
        Whose result it is; empty if the list does not say.
    """

    content: str
    style: str
    result: str
    label: str


def read_pairs(path: str) -> list[Pair]:
    """Return the lines of a list.

    Raises
    ------
    InputError
        If it is no such list, or names a file that is not there.
    """
    folder = os.path.dirname(path)
    try:
        reader = csv.DictReader(io.StringIO(read_bytes(path, _LARGEST).decode("utf-8-sig")), restval="")
        columns = set(reader.fieldnames or [])
        if missing := [name for name in Pair._fields[:3] if name not in columns]:
            raise ValueError(f"it has no column {' and no column '.join(missing)}")
        found: list[Pair] = []
        for row in reader:
            files = [os.path.join(folder, row[name].strip()) for name in Pair._fields[:3]]
            for name, file in zip(Pair._fields[:3], files, strict=True):
                if not row[name].strip() or not os.path.isfile(file):
                    raise ValueError(f"line {reader.line_num}: there is no {name} {shown(file)}")
            if any(files == list(pair[:3]) for pair in found):
                raise ValueError(f"line {reader.line_num}: this result stands there twice")
            found.append(Pair(files[0], files[1], files[2], row.get("label", "").strip()))
    except (ValueError, csv.Error) as error:
        raise InputError(
            f"The list of pairs {shown(path)} cannot be used: {error}; it is a CSV with the header "
            "content,style,result or content,style,result,label."
        ) from None
    if not found:
        raise InputError(f"There is no pair in {shown(path)}.")
    return found


def evaluate_pairs(
    pairs: Sequence[Pair],
    settings: Settings,
    *,
    inversion: bool = True,
    weights: Weights | None = None,
    outside: Measures | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[tuple[str, Measurements]]:
    """Evaluate every line, those with the same clips together; takes what :func:`evaluate_files` takes.

    Returns
    -------
    list of tuple
        Label and evaluation, one for each label of each pair of clips.
    """
    groups: OrderedDict[tuple[str, str], list[Pair]] = OrderedDict()
    for pair in pairs:
        groups.setdefault((pair.content, pair.style), []).append(pair)
    found = []
    for number, ((content, style), group) in enumerate(groups.items(), 1):
        of_how_many = f" of pair {number} of {len(groups)}" * (len(groups) > 1)

        def told(name: str, of_how_many: str = of_how_many) -> None:
            if progress is not None:
                progress(name + of_how_many)

        results = [pair.result for pair in group]
        whole = evaluate_files(
            content, style, results, settings, inversion=inversion, weights=weights, outside=outside, progress=told
        )
        for label in dict.fromkeys(pair.label for pair in group):
            rows = [row for row, pair in zip(whole.rows[-len(group) :], group, strict=True) if pair.label == label]
            found.append((label, Measurements(whole.analysis, (*whole.scale, *rows), whole.losses)))
    return found


def summarise(evaluations: Sequence[tuple[str, Measurements]]) -> "OrderedDict[str, OrderedDict[str, list[float]]]":
    """Return label to (metric to its numbers), sorted, without those that are not defined.

    The scale comes first, once for each pair of clips: ``content``, ``style``, and ``content inverted`` if it is there;
    then each label's results, or ``results``.
    """
    columns: OrderedDict[str, list[Row]] = OrderedDict()
    scaled = set()
    for _, evaluation in evaluations:
        clips = tuple(row.path for row in evaluation.rows[:2])
        for row in evaluation.scale if clips not in scaled else ():
            columns.setdefault(row.name, []).append(row)
        scaled.add(clips)
    for label, evaluation in evaluations:
        results = [row for row in evaluation.rows if row.role == "output"]
        columns.setdefault(label or "results", []).extend(results)
    return OrderedDict(
        (
            head,
            OrderedDict(
                (name, sorted(value for value in (row.metrics()[name] for row in rows) if value == value))
                for name in rows[0].metrics()
            ),
        )
        for head, rows in columns.items()
    )


def set_as_table(evaluations: Sequence[tuple[str, Measurements]], width: int) -> list[str]:
    """Return the lines of a table of medians, each with the lowest and the highest number."""
    columns = summarise(evaluations)
    cells = {
        heading: {name: [_spread(column[name]) for column in columns.values()] for name in names}
        for heading, names in evaluations[0][1].rows[0].scores.items()
    }
    results = sum(row.role == "output" for _, evaluation in evaluations for row in evaluation.rows)
    clips = {tuple(row.path for row in evaluation.rows[:2]) for _, evaluation in evaluations}
    head = f"{results} results of {len(clips)} pairs of clips: median (lowest to highest)"
    return [head, "", *aligned_table(list(columns), cells, 0, width, _COLUMN)]


def set_as_json(evaluations: Sequence[tuple[str, Measurements]]) -> str:
    """Return everything as JSON: each evaluation as ``evaluate --json`` has it, and the summary."""
    summary = {
        head: {
            name: {"n": len(values), "median": statistics.median(values), "lowest": values[0], "highest": values[-1]}
            if values
            else None
            for name, values in column.items()
        }
        for head, column in summarise(evaluations).items()
    }
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "pairs": [{"label": label, **as_document(evaluation)} for label, evaluation in evaluations],
        "summary": summary,
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "-"
    middle = short_number(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({short_number(values[0])} to {short_number(values[-1])})"
