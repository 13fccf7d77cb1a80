"""What an evaluation looks like: an aligned table, JSON with a schema, and a CSV with a row per sound."""

import csv
import io
import json
import math
from typing import Any

from audiostyle.study.evaluate.measured_files import Measurements, Row
from audiostyle.version import __version__

__all__ = ["SCHEMA", "as_csv", "as_document", "as_json", "as_table", "defused"]

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
# How a formula begins, or what a spreadsheet drops before one; the wide signs count where Japanese is written.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def as_document(evaluation: Measurements) -> dict[str, Any]:
    """Return the evaluation as what JSON can hold; a metric that is not defined is None."""
    return {
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
                "metrics": {name: _number(value) for name, value in row.metrics().items()},
            }
            for row in evaluation.rows
        ],
    }


def as_json(evaluation: Measurements) -> str:
    """Return the evaluation as JSON text, every number with all its digits."""
    return json.dumps(as_document(evaluation), indent=2, allow_nan=False) + "\n"


def as_csv(evaluation: Measurements) -> str:
    """Return a header and one row per sound; a metric that is not defined is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = list(evaluation.rows[0].metrics())
    writer.writerow(["name", "role", "path", "seconds", "note", *names])
    for row in evaluation.rows:
        values = (_number(value) for value in row.metrics().values())
        texts = [defused(text) for text in (row.name, row.role, row.path or "", row.note)]
        writer.writerow([*texts[:3], repr(row.seconds), texts[3], *map(_cell, values)])
    return text.getvalue()


def as_table(evaluation: Measurements, width: int = 100) -> list[str]:
    """Return the lines of an aligned table, metrics down and sounds across, in as many parts as the width asks for.

    Parameters
    ----------
    evaluation : Measurements
        What to show.
    width : int
        Columns of the terminal.  The scale is repeated in each part.
    """
    scale = [row for row in evaluation.rows if row.role != "output"]
    outputs = [row for row in evaluation.rows if row.role == "output"]
    label = max(len(name) for name in evaluation.rows[0].metrics()) + 2
    room = max(1, (width - label) // (_WIDTH + 2) - len(scale))
    groups = [outputs[start : start + room] for start in range(0, len(outputs), room)] or [[]]
    lines: list[str] = []
    for group in groups:
        lines += _part([*scale, *group], label)
    notes = [f"{row.name}: {row.note}" for row in outputs if row.note]
    if notes:
        lines += ["What was cut or converted before comparing:", *(f"  {note}" for note in notes), ""]
    return lines


def _part(rows: list[Row], label: int) -> list[str]:
    """One table of some sounds: a head of as many lines as the longest name needs, then the metrics."""
    heads = [_wrapped(row.name) for row in rows]
    depth = max(map(len, heads))
    lines = []
    for line in range(depth):
        cells = [head[line - depth + len(head)] if line >= depth - len(head) else "" for head in heads]
        lines.append(" " * label + "".join(f"  {cell:>{_WIDTH}}" for cell in cells))
    for heading, names in rows[0].scores.items():
        lines += ["", heading]
        for name in names:
            cells = [_shown(row.scores[heading][name]) for row in rows]
            lines.append(f"  {name:<{label - 2}}" + "".join(f"  {cell:>{_WIDTH}}" for cell in cells))
    return [line.rstrip() for line in [*lines, ""]]


def _wrapped(name: str) -> list[str]:
    """Cut a name into lines that fit a column, at spaces and slashes where there are some."""
    lines = [""]
    for word in name.replace("/", "/ ").split(" "):
        if lines[-1] and len(lines[-1]) + len(word) + (not lines[-1].endswith("/")) > _WIDTH:
            lines.append("")
        elif lines[-1] and not lines[-1].endswith("/"):
            lines[-1] += " "
        lines[-1] += word
    return [line[start : start + _WIDTH] for line in lines for start in range(0, max(1, len(line)), _WIDTH)]


def _shown(value: float) -> str:
    """Four digits, no exponent where none is needed."""
    if not math.isfinite(value):
        return "-"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.{max(0, min(3, 3 - math.floor(math.log10(abs(value)))))}f}" if abs(value) < 1e6 else f"{value:.3g}"


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _cell(value: float | None) -> str:
    return "" if value is None else repr(value)


def defused(text: str) -> str:
    """Keep a file's name from being a formula to a spreadsheet.

    Examples
    --------
    >>> defused("=1+1.wav"), defused("rock.wav")
    ("'=1+1.wav", 'rock.wav')
    """
    return "'" + text if text.startswith(_FORMULAS) else text
