"""``evaluate --page``: players and numbers side by side, results of this program beside those of other ports."""

import dataclasses
import io
import os

import numpy as np

from audiostyle.audio.clip import bandpass, load_clip
from audiostyle.files import read_bytes
from audiostyle.settings import Settings
from audiostyle.study.evaluate.measured_files import Measurements, Row
from audiostyle.study.evaluate.verdict import LOST_BELOW, NEARER_FROM, judge
from audiostyle.study.html_parts import definitions, escaped, metric_table, number, player, whole_page

__all__ = ["render_evaluation"]

# Files that a browser plays as they are, by their first bytes; larger ones are cut to what was measured.
_PLAYABLE = (b"RIFF", b"fLaC", b"OggS", b"ID3", b"\xff\xfb")
_LARGEST = 20 * 2**20


def render_evaluation(evaluation: Measurements, title: str = "Results side by side") -> str:
    """Return the page.

    Parameters
    ----------
    evaluation : Measurements
        From :func:`~audiostyle.study.evaluate.measured_files.evaluate_files`, its files still there.
    title : str
    """
    rows = evaluation.rows
    outputs = [row for row in rows if row.role == "output"]
    content, style = (os.path.basename(str(row.path)) for row in rows[:2])
    heads = [row.name for row in rows]
    tables = [
        metric_table(heading, heads, {name: [number(row.scores[heading][name]) for row in rows] for name in names})
        for heading, names in rows[0].scores.items()
    ]
    return whole_page(
        title,
        [
            f"<h1>{escaped(title)}</h1>",
            f"<p>Content <b>{escaped(content)}</b>, style <b>{escaped(style)}</b>. All sounds were measured in the "
            "same way, whatever made them; players have the files as they are, content and style the stretch that was "
            "used.</p>",
            '<div class="grid">',
            *(player(_sound(row, evaluation.analysis), row.name) for row in rows if row.path is not None),
            "</div>",
            "<h2>In short</h2>",
            *(
                f"<p><b>{escaped(row.name)}</b><br>{'<br>'.join(map(escaped, judge(row, evaluation.scale).lines))}</p>"
                for row in outputs
            ),
            f"<p>Nearer: {NEARER_FROM:.0%} or more of the way from the content's own number to the style's. Lost: less "
            f"than {LOST_BELOW:.0%} is left of what the content keeps through picture and inversion.</p>",
            "<h2>All numbers</h2>",
            "<p>Content, style and the content after inversion with no transfer are the scale. Beside a name stands "
            "which way is nearer, where that does not depend; the name leads to the definition. A dash means that a "
            "number is not defined.</p>",
            *(f"<p>{escaped(row.name)}: {escaped(row.note)}</p>" for row in outputs if row.note),
            *tables,
            definitions(list(rows[0].metrics())),
        ],
    )


def _sound(row: Row, analysis: Settings) -> bytes:
    """Return a sound file for a player."""
    path = str(row.path)
    if row.role == "output" and os.path.getsize(path) <= _LARGEST:
        data = read_bytes(path, _LARGEST)
        if data.startswith(_PLAYABLE):
            return data
    if row.role == "output":
        return _wav(load_clip(path, dataclasses.replace(analysis, duration=row.seconds)), analysis)
    offset = analysis.offset_style if row.role == "style" else analysis.offset_content
    return _wav(bandpass(load_clip(path, analysis, offset), analysis), analysis)


def _wav(samples: np.ndarray, settings: Settings) -> bytes:
    from scipy.io import wavfile

    file = io.BytesIO()
    wavfile.write(file, settings.sample_rate, np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16))
    return file.getvalue()
