"""``report.html``: failures, a matrix of label pairs, and every transfer with its sound; one file, no network.

The numbers are in the page as JSON, and ``report.js`` beside this module, which is put into the page too, draws them.
Sounds are linked, not copied: the page belongs into the batch's folder.
"""

import html
import json
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from audiostyle.audio.sound_writer import sound_name
from audiostyle.batch.conductor import Entry
from audiostyle.batch.plan import BatchPlan, write_if_changed
from audiostyle.batch.table import Group, Result, as_number
from audiostyle.study.evaluate.catalogue import metric

__all__ = ["write_report"]

_HERE = Path(__file__).parent
# More rows than this make a page slow, and more labels a matrix that nobody can read.
_MOST_ROWS, _MOST_LABELS, _MOST_FAILURES = 2000, 100, 200
# What is shown first, if it was measured: the paper's aim.
_FIRST = ("row_ac_r_style", "loss_total")


def write_report(
    batch: Path,
    plan: BatchPlan,
    entries: Sequence[Entry],
    results: Iterable[Result],
    numbers: Sequence[str],
    groups: Mapping[Group, Mapping[str, Any]],
) -> None:
    """Write the page.

    Parameters
    ----------
    batch : Path
        The batch's folder.
    plan : BatchPlan
    entries : sequence of Entry
    results : iterable of Result
        What finished transfers came to.
    numbers : sequence of str
        Names of losses and metrics.
    groups : mapping of Group to mapping of str to array of float
        The values of each number for every pair of labels and point.
    """
    varying = [name for name in plan.varying if name != "seed"]
    data: dict[str, Any] = {
        "numbers": list(numbers),
        "directions": {name: metric(name).direction for name in numbers},
        "first": next((name for name in _FIRST if name in numbers), numbers[0] if numbers else ""),
        "cells": [
            [group[0], group[1], _point(varying, group[2:]), _medians(values, numbers)]
            for group, values in groups.items()
        ],
        "varying": plan.varying,
        "rows": [],
        "finished": 0,
        "mostLabels": _MOST_LABELS,
    }
    most = max(1, _MOST_ROWS // max(1, len(groups)))
    shown: dict[tuple[str, ...], int] = {}
    kernels: dict[str, int] = {}
    folders = {entry.line.number: entry.line for entry in entries}
    for one in results:
        data["finished"] += 1
        kernels[one["kernels"]] = kernels.get(one["kernels"], 0) + 1
        key = (one["content_label"], one["style_label"], *(one[name] for name in varying))
        shown[key] = shown.get(key, 0) + 1
        if shown[key] <= most:
            line = folders[one["number"]]
            sound = f"{line.folder}/{sound_name(plan.settings(line.values))}"
            values = [_rounded(as_number(one.get(name))) for name in numbers]
            settings = [one[name] for name in plan.varying]
            labels = [one["content_label"], one["style_label"], _point(varying, key[2:])]
            data["rows"].append([one["name"], *labels, settings, urllib.parse.quote(sound), values])
    text = _page(batch, plan, entries, data, kernels)
    write_if_changed(batch / "report.html", text.encode("utf-8", "backslashreplace"), "The report")


def _page(
    batch: Path, plan: BatchPlan, entries: Sequence[Entry], data: dict[str, Any], kernels: Mapping[str, int]
) -> str:
    # What ends a script must not be in it.
    embedded = json.dumps(data, allow_nan=False).replace("<", "\\u003c")
    style, script = ((_HERE / f"report.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    warning = ""
    if len(kernels) > 1:
        counts = "; ".join(f"{name}: {count}" for name, count in sorted(kernels.items()))
        warning = f'<p class="warning">Different kernels made these results, so last bits differ: {_text(counts)}.</p>'
    left = len(data["rows"])
    cut = (
        f" The table has {left} of them, as many of each pair; results.csv has all." if left < data["finished"] else ""
    )
    weights = "random weights" if plan.weights_sha256 is None else f"weights {Path(plan.weights).name}"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(batch.name)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{_text(batch.name)}</h1>\n"
        f"<p>{data['finished']} of {len(entries)} transfers are finished, with {_text(weights)}.{cut}</p>\n"
        f"{warning}{_failures(entries)}"
        '<section id="matrix"><h2>Pairs of labels</h2>\n'
        '<p><label>Number <select id="number"></select></label> <label id="point-label">Settings '
        '<select id="point"></select></label> <span id="direction"></span></p>\n'
        "<p>Contents are down, styles are across. A cell is the median of its transfers, and choosing it shows them "
        'alone.</p>\n<div class="scroll"><table id="pairs"></table></div></section>\n'
        '<section><h2>Transfers</h2>\n<p><label>Find <input id="find" type="search"></label> '
        '<button id="all" hidden>all pairs</button> <span id="count"></span></p>\n'
        '<div class="scroll"><table id="transfers"><thead></thead><tbody></tbody></table></div></section>\n'
        "<noscript><p>Tables and sounds need JavaScript; results.csv has the same numbers.</p></noscript>\n"
        f'<script type="application/json" id="data">{embedded}</script>\n<script>\n{script}</script>\n'
        "</main>\n</body>\n</html>\n"
    )


def _failures(entries: Sequence[Entry]) -> str:
    """List what failed, which is read without any script."""
    failed = [entry for entry in entries if entry.failure]
    if not failed:
        return ""
    items = "".join(
        f"<li><b>{_text(entry.line.name)}</b> {_text(_said(entry.line.values))}{_text(entry.failure)}</li>"
        for entry in failed[:_MOST_FAILURES]
    )
    more = f"<p>failed.csv has all {len(failed)}.</p>" if len(failed) > _MOST_FAILURES else ""
    return f'<section class="failures"><h2>{len(failed)} failed</h2>\n<ul>{items}</ul>{more}</section>\n'


def _said(values: Mapping[str, str]) -> str:
    said = ", ".join(f"{name} {value}" for name, value in values.items() if value)
    return f"({said}) " if said else ""


def _medians(values: Mapping[str, Any], numbers: Sequence[str]) -> list[list[float | None]]:
    """Return median and count of each number."""
    return [
        [_rounded(float(np.median(values[name]))) if len(values[name]) else None, len(values[name])] for name in numbers
    ]


def _point(names: Sequence[str], values: Sequence[str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True))


def _rounded(value: float | None) -> float | None:
    """Six digits are more than are shown, and the page half as large."""
    return None if value is None else float(f"{value:.6g}")


def _text(text: str) -> str:
    return html.escape(text.encode("utf-8", "backslashreplace").decode("utf-8"))
