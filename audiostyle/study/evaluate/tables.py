"""What an evaluation looks like: an aligned table, JSON with a schema, and a CSV with a row per sound."""

import csv
import dataclasses
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from audiostyle.files import defused
from audiostyle.study.evaluate.catalogue import metric
from audiostyle.study.evaluate.measured_files import OUTSIDE, Measurements
from audiostyle.study.evaluate.verdict import judge
from audiostyle.version import __version__

__all__ = ["SCHEMA", "aligned_table", "as_csv", "as_document", "as_json", "as_table", "short_number"]

#: Name and version of the JSON's form; ``schema.json`` beside this module describes it.
SCHEMA = "audiostyle-evaluation/1"

# Of the settings, those that the analysis depends on.
_ANALYSIS = (
    "sample_rate",
    "duration",
    "offset_content",
    "offset_style",
    "bandpass_low",
    "bandpass_high",
    "bandpass_order",
    "n_fft",
    "hop_length",
    "log_floor",
    "n_mels",
    "mel_fmin",
    "mel_fmax",
    "mel_sample_rate",
    "time_zoom",
)
_WIDTH = 10


def as_document(evaluation: Measurements) -> dict[str, Any]:
    """Return the evaluation as what JSON can hold; a metric that is not defined is None."""
    document = {
        "schema": SCHEMA,
        "audiostyle": __version__,
        "analysis": {name: getattr(evaluation.analysis, name) for name in _ANALYSIS},
        "sounds": [
            {
                "name": row.name,
                "role": row.role,
                "path": row.path,
                "seconds": row.seconds,
                "note": row.note,
                "metrics": _numbers(
                    {
                        name: value
                        for heading, part in row.scores.items()
                        if heading != OUTSIDE
                        for name, value in part.items()
                    }
                ),
                **({"measured_elsewhere": _numbers(row.scores[OUTSIDE])} if OUTSIDE in row.scores else {}),
                **({"verdict": judge(row, evaluation.scale)._asdict()} if row.role == "output" else {}),
            }
            for row in evaluation.rows
        ],
    }
    if evaluation.losses is not None:
        settings, weights = evaluation.losses
        document["losses"] = {
            "settings": dataclasses.asdict(settings),
            "weights": {"form": weights.form, "sha256": weights.sha256, "file_sha256": weights.file_sha256},
        }
    return document


def as_json(evaluation: Measurements) -> str:
    """Return the evaluation as JSON text, every number with all its digits."""
    return json.dumps(as_document(evaluation), indent=2, allow_nan=False) + "\n"


def as_csv(evaluations: Sequence[tuple[str, Measurements]]) -> str:
    """Return a header and one row per sound; a metric that is not defined is an empty cell.

    Parameters
    ----------
    evaluations : sequence of tuple
        Label and evaluation of each pair of clips; if there is a label, it has a column.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    labelled = ["label"] if any(label for label, _ in evaluations) else []
    writer.writerow([*labelled, "name", "role", "path", "seconds", "note", *evaluations[0][1].rows[0].metrics()])
    for label, evaluation in evaluations:
        for row in evaluation.rows:
            values = (_number(value) for value in row.metrics().values())
            texts = [defused(text) for text in (row.name, row.role, row.path or "", row.note)]
            cells = [*texts[:3], repr(row.seconds), texts[3], *map(_cell, values)]
            writer.writerow([defused(label), *cells] if labelled else cells)
    return text.getvalue()


def as_table(evaluation: Measurements, width: int = 100) -> list[str]:
    """Return the lines of an aligned table, metrics down and sounds across, and two lines on each output.

    Parameters
    ----------
    evaluation : Measurements
        What to show.
    width : int
        Columns of the terminal, which decide into how many parts the table is cut.  The scale is repeated in each.
    """
    outputs = [row for row in evaluation.rows if row.role == "output"]
    cells = {
        heading: {name: [short_number(row.scores[heading][name]) for row in evaluation.rows] for name in names}
        for heading, names in evaluation.rows[0].scores.items()
    }
    heads = [row.name for row in evaluation.rows]
    lines = aligned_table(heads, cells, len(evaluation.scale), width)
    notes = [f"{row.name}: {row.note}" for row in outputs if row.note]
    if notes:
        lines += ["What was cut or converted before comparing:", *(f"  {note}" for note in notes), ""]
    for row in outputs:
        lines += [row.name, *(f"  {line}" for line in judge(row, evaluation.scale).lines)]
    return lines


def aligned_table(
    heads: Sequence[str],
    cells: Mapping[str, Mapping[str, Sequence[str]]],
    repeated: int,
    width: int,
    column: int = _WIDTH,
) -> list[str]:
    """Return the lines of a table of metrics.

    Parameters
    ----------
    heads : sequence of str
        One for each column.
    cells : mapping
        Heading of a part to (metric to the cells of its row).
    repeated : int
        How many of the first columns every part repeats.
    width : int
        Columns of the terminal.
    column : int
        Characters of a column.
    """
    names = [name for part in cells.values() for name in part]
    label = max(len(metric(name).label) for name in names) + 2
    sign = max(len(metric(name).sign) for name in names)
    room = max(1, (width - label - sign - 2) // (column + 2) - repeated)
    lines: list[str] = []
    for start in range(repeated, len(heads), room) if len(heads) > repeated else (repeated,):
        shown = [*range(repeated), *range(start, min(start + room, len(heads)))]
        wrapped = [_wrapped(heads[index], column) for index in shown]
        depth = max(map(len, wrapped))
        for line in range(depth):
            at = [one[line - depth + len(one)] if line >= depth - len(one) else "" for one in wrapped]
            lines.append(" " * (label + sign + 2) + "".join(f"  {cell:>{column}}" for cell in at))
        for heading, part in cells.items():
            lines += ["", heading]
            for name, row in part.items():
                it = metric(name)
                head = f"  {it.label:<{label - 2}}  {it.sign:<{sign}}"
                lines.append(head + "".join(f"  {row[index]:>{column}}" for index in shown))
        lines.append("")
    return [line.rstrip() for line in lines]


def _wrapped(name: str, width: int) -> list[str]:
    """Cut a name into lines that fit a column, at spaces and slashes where there are some."""
    lines = [""]
    for word in name.replace("/", "/ ").split(" "):
        if lines[-1] and len(lines[-1]) + len(word) + (not lines[-1].endswith("/")) > width:
            lines.append("")
        elif lines[-1] and not lines[-1].endswith("/"):
            lines[-1] += " "
        lines[-1] += word
    return [line[start : start + width] for line in lines for start in range(0, max(1, len(line)), width)]


def short_number(value: float) -> str:
    """Return a number in four digits, without an exponent where none is needed."""
    if not math.isfinite(value):
        return "-"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.{max(0, min(3, 3 - math.floor(math.log10(abs(value)))))}f}" if abs(value) < 1e6 else f"{value:.3g}"


def _numbers(scores: Mapping[str, float]) -> dict[str, float | None]:
    return {name: _number(value) for name, value in scores.items()}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _cell(value: float | None) -> str:
    return "" if value is None else repr(value)
