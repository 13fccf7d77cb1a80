"""What a comparison of stages files looks like: an aligned table, sentences below it, and JSON."""

import json
import math
from typing import Any

from audiostyle.files import shown
from audiostyle.study.measure import Difference
from audiostyle.study.stage_comparison import Comparison
from audiostyle.version import __version__

__all__ = ["SCHEMA", "as_json", "as_lines"]

#: Name and version of the JSON's form; a change that an older reader would misread raises the number.
SCHEMA = "audiostyle-comparison/1"

_HEADER = f"{'stage':<37} {'largest':>10} {'relative':>10}  {'tolerance':<16} verdict"
_MOST_UNKNOWN = 20
_MANY = 9


def as_lines(comparison: Comparison, first: str, second: str) -> list[str]:
    """Return the lines of the table of all stages, and below it what is to be said about them.

    Parameters
    ----------
    comparison : Comparison
    first, second : str
        The files' paths.
    """
    lines = [_HEADER]
    for one in comparison.differences:
        lines += [_row(one), *(f"    {text}" for text in _details(one))]
    for path, names in ((first, comparison.only_first), (second, comparison.only_second)):
        if names:
            lines.append(f"Only in {shown(path)}, not compared: {_grouped(names)}.")
    if comparison.unknown:
        names = [
            _escaped(name) + f" (did you mean {near}?)" * bool(near)
            for name, near in list(comparison.unknown.items())[:_MOST_UNKNOWN]
        ]
        lines.append(f"Not stages, ignored: {', '.join(names)}.")
    return [*lines, *comparison.warnings, _conclusion(comparison)]


def as_json(comparison: Comparison, first: str, second: str, scale: float) -> str:
    """Return the comparison as JSON text; what is not finite is null."""
    disagreement = comparison.first_disagreement
    document = {
        "schema": SCHEMA,
        "audiostyle": __version__,
        "first": first,
        "second": second,
        "tolerance_scale": scale,
        "agree": disagreement is None,
        "first_disagreement": disagreement.stage.name if disagreement else None,
        "stages": [_record(one) for one in comparison.differences],
        "only_first": comparison.only_first,
        "only_second": comparison.only_second,
        "unknown": comparison.unknown,
        "warnings": comparison.warnings,
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def _record(one: Difference) -> dict[str, Any]:
    return {
        "name": one.stage.name,
        "verdict": _verdict(one),
        "measure": one.stage.measure,
        "allowed": _number(one.allowed) if one.judged else None,
        "largest": _number(one.largest),
        "relative": _number(one.relative),
        "size": one.size,
        "differing": one.differing,
        "place": list(one.place),
        "accepted": one.accepted,
        "note": one.note,
        "explanations": list(one.explanations),
    }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _verdict(one: Difference) -> str:
    if not one.judged:
        return "not judged"
    return "agrees" if one.agrees else "disagrees"


def _row(one: Difference) -> str:
    verdict = {"not judged": "not judged (T12)", "disagrees": "DISAGREES"}.get(_verdict(one), "agrees")
    tolerance = f"{one.stage.measure} {one.allowed:g}" if one.judged else "-"
    why = one.accepted or one.note
    numbers = f"{one.largest:>10.3g} {one.relative:>10.3g}"
    return f"/{one.stage.name:<36} {numbers}  {tolerance:<16} {verdict}{': ' * bool(why)}{why}"


def _details(one: Difference) -> list[str]:
    """Return lines on where a stage disagrees and what would explain it."""
    if one.agrees:
        return []
    lines = []
    if one.place and one.size > 1:
        where = ", ".join(f"{axis} {index}" for axis, index in zip(one.stage.axes.split(", "), one.place, strict=False))
        lines.append(f"{one.differing} of {one.size} numbers differ by more than they may, most at {where}")
    return lines + [f"perhaps: {text}" for text in one.explanations]


def _conclusion(comparison: Comparison) -> str:
    one = comparison.first_disagreement
    if one is None:
        count = len(comparison.differences)
        return (
            "The stage that both files have agrees."
            if count == 1
            else f"All {count} stages that both files have agree."
        )
    measure = {"largest": one.largest, "relative": one.relative}[one.stage.measure]
    why = f"its {one.stage.measure} difference is {measure:.3g}, and {one.allowed:g} is allowed"
    perhaps = f"; perhaps it is {one.explanations[0]}" if one.explanations else ""
    return f"The first stage to disagree is /{one.stage.name}: {one.note if math.isinf(measure) else why}{perhaps}."


def _grouped(names: list[str]) -> str:
    """Return names in a line, those of a large group by its name and number."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.rpartition("/")[0], []).append(name)
    parts = [[f"{group}/* ({len(found)})"] if len(found) > _MANY else found for group, found in groups.items()]
    return ", ".join(name for part in parts for name in part)


def _escaped(name: str) -> str:
    """Return a name from a stranger's file for a terminal."""
    return ascii(name)[1:-1]
