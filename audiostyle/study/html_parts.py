"""Parts of pages that need nothing but themselves: sounds and pictures are in them, and no script and no network.

What comes from files or their names goes through :func:`escaped`.
"""

import base64
import html
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from audiostyle.study.evaluate.catalogue import metric

__all__ = ["definitions", "escaped", "metric_head", "metric_table", "number", "player", "table", "whole_page"]

_STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
_DEFINITIONS: dict[str, str] = json.loads(
    (Path(__file__).parent / "evaluate" / "definitions.json").read_text(encoding="utf-8")
)


def whole_page(title: str, body: Sequence[str]) -> str:
    """Return a page of parts."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaped(title)}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def escaped(text: str) -> str:
    """Return text as HTML; a file's name may hold bytes that are not text."""
    return html.escape(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def player(data: bytes, label: str) -> str:
    """Return a player of a sound file that browsers know: WAV, FLAC, OGG or MP3."""
    kind = {b"RIFF": "wav", b"fLaC": "flac", b"OggS": "ogg"}.get(data[:4], "mpeg")
    source = f"data:audio/{kind};base64,{base64.b64encode(data).decode()}"
    return (
        f'<figure class="sound"><figcaption>{escaped(label)}</figcaption>'
        f'<audio controls preload="metadata" aria-label="{escaped(label)}" src="{source}"></audio></figure>'
    )


def table(
    caption: str,
    heads: Sequence[str],
    rows: Mapping[str, Sequence[str]],
    head_of: Callable[[str], str] = escaped,
) -> str:
    """Return a table whose rows break into a line for the name and one for the numbers where the page is narrow.

    Parameters
    ----------
    caption : str
    heads : sequence of str
        Of the columns of numbers.
    rows : mapping of str to sequence of str
    head_of : callable
        From a row's name to HTML.
    """
    top = "".join(f'<th scope="col">{escaped(head)}</th>' for head in heads)
    lines = [
        f'<tr><th scope="row">{head_of(name)}</th>' + "".join(f"<td>{escaped(cell)}</td>" for cell in cells) + "</tr>"
        for name, cells in rows.items()
    ]
    return (
        f'<div class="scroll"><table style="--columns:{len(heads)}"><caption>{escaped(caption)}</caption>'
        f'<thead><tr><th class="corner"></th>{top}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
    )


def metric_table(caption: str, heads: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    """Return a table of metrics by their short names: shown in words, with the direction, linked to the definition."""
    return table(caption, heads, rows, metric_head)


def metric_head(name: str) -> str:
    """Return the head of a metric's row."""
    it = metric(name)
    linked = f'<a href="#m-{it.anchor}">{escaped(it.label)}</a>' if it.anchor in _DEFINITIONS else escaped(it.label)
    return linked + (f" <small>{escaped(it.direction)}</small>" if it.direction else "")


def definitions(names: Sequence[str]) -> str:
    """Return the definitions that :func:`metric_head` links to, of these metrics."""
    used = dict.fromkeys(metric(name).anchor for name in names)
    titles = {anchor: "" for anchor in used if anchor in _DEFINITIONS}
    for name in names:
        it = metric(name)
        if it.anchor in titles and not titles[it.anchor]:
            titles[it.anchor] = it.label if it.anchor != "loss" else "the paper's losses"
    return (
        "<h2>What the numbers are</h2>\n<p>docs/metrics.md in AudioStyle's folder has sources and reasons.</p>\n<dl>"
        + "".join(
            f'<dt id="m-{anchor}">{escaped(title)}</dt><dd>{escaped(_DEFINITIONS[anchor])}</dd>'
            for anchor, title in titles.items()
        )
        + "</dl>"
    )


def number(value: float | None) -> str:
    """Return a number in three or four digits, short enough for a column of a phone's page.

    Examples
    --------
    >>> number(0.12345), number(14406.2), number(None)
    ('0.123', '14406', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if value == int(value) and abs(value) < 1e5:
        text = str(int(value))
    elif abs(value) >= 1e5:
        text = f"{value:.1e}"
    else:
        text = f"{value:.{max(0, min(3, 2 - math.floor(math.log10(abs(value)))))}f}"
    return ("−" + text[1:]) if text.startswith("-") else text
