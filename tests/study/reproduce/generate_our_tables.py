"""Remakes the tables of our own results in docs/reproduction.md, from the files in docs/baseline.

    PYTHONPATH=. python tests/study/reproduce/generate_our_tables.py

Each of those files is the ``results.json`` of a full reproduction; docs/baseline.md says how to make it.
The authors' numbers beside ours are those of the document's own table of the published WAVs.
"""

import json
import re
import runpy
from pathlib import Path
from typing import Any

from audiostyle.study.evaluate.catalogue import metric as of_metric

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = ROOT / "docs" / "reproduction.md"
BASELINE = ROOT / "docs" / "baseline"
PUBLISHED = runpy.run_path(str(ROOT / "tests" / "study" / "evaluate" / "generate_published_tables.py"))

EXPERIMENTS = ("3a", "3b", "3c", "3d")
#: What the second column of the table says, and the file.
OURS = {"ours": "released.json", "another seed": "released_seed2.json", "corrected": "corrected.json"}
#: Those metrics that the paper's sentences are judged by, in the order of the claims.
METRICS = (
    "row_ac_r_style",
    "row_ac_swing_ratio",
    "row_ac_lag_columns",
    "row_ac_lag_strength",
    "beat_spectrum_cosine_style",
    "beat_spectrum_cosine_content",
    "beat_spectrum_contrast",
    "pulse_clarity",
    "tempo_bpm",
    "column_ac_r_style",
    "column_ac_nrmse_style",
    "stuck_row_index_db",
    "stuck_row_count",
    "line_energy",
    "mfcc_frechet_style",
    "log_spectral_distance_style_db",
    "mel_correlation_content",
    "mel_change_correlation_content",
    "bright_overlap_content",
    "bright_overlap_content_chance",
    "bright_overlap_content_rank",
    "chroma_change_cosine_content",
    "log_spectral_distance_content_db",
    "copy_picture_style",
    "copy_patches_style",
)


#: Rows of the table of the open questions, and the files; each has 3d only.
QUESTIONS = {
    "mel (3d)": "released.json",
    "mel, another seed (2)": "released_seed2.json",
    "mel, row means removed*": "questions/means_removed.json",
    "constant-Q": "questions/constant_q.json",
    "chroma": "questions/chroma.json",
    "rows from the content": "questions/rows_from_content.json",
    "rows from the content, row means removed*": "questions/rows_from_content_means_removed.json",
    "columns from the content": "questions/columns_from_content.json",
    "deeper layers": "questions/deeper_layers.json",
    "instrumental (mel)": "questions/instrumental.json",
}
#: Heading to the metric, and whether it is of the result or of the inverted content.
QUESTION_COLUMNS = {
    "row r style / content": (("3d", "row_ac_r_style"), ("3d", "row_ac_r_content")),
    "swing": (("3d", "row_ac_swing_ratio"),),
    "column r style": (("3d", "column_ac_r_style"),),
    "column NRMSE style": (("3d", "column_ac_nrmse_style"),),
    "beat spectrum cosine style / content": (
        ("3d", "beat_spectrum_cosine_style"),
        ("3d", "beat_spectrum_cosine_content"),
    ),
    "pulse clarity": (("3d", "pulse_clarity"),),
    "MFCC distance style": (("3d", "mfcc_frechet_style"),),
    "its floor": (("inverted", "mfcc_frechet_style"),),
    "chroma change cosine content": (("3d", "chroma_change_cosine_content"),),
    "its ceiling": (("inverted", "chroma_change_cosine_content"),),
    "log-spectral distance style, dB": (("3d", "log_spectral_distance_style_db"),),
    "stuck-row index, dB": (("3d", "stuck_row_index_db"),),
}


def load(name: str) -> dict[str, Any]:
    """Return one of the files in docs/baseline."""
    found: dict[str, Any] = json.loads((BASELINE / name).read_text())
    return found


def columns(document: dict[str, Any]) -> dict[str, dict[str, float | None]]:
    """Return column to (metric to value): the scale and the experiments."""
    scale = {row["name"].replace("content inverted, mel", "inverted"): row["metrics"] for row in document["scale"]}
    return scale | {name: one["metrics"] for name, one in document["experiments"].items()}


def metrics_table(text: str) -> str:
    """Return the table of the metrics, the authors' lines taken from the document's `text`."""
    theirs = PUBLISHED["read_table"](text, "published wavs")
    sources = {"theirs": {name.replace("content inverted", "inverted"): one for name, one in theirs.items()}}
    sources |= {whose: columns(load(name)) for whose, name in OURS.items()}
    heads = ("content", "style", "inverted", *EXPERIMENTS)
    lines = ["| metric | whose | " + " | ".join(heads) + " |", "|---|---|" + "---:|" * len(heads)]
    for metric in METRICS:
        for whose, source in sources.items():
            cells = [_cell(source[head][metric]) if head in source else "" for head in heads]
            lines.append(
                f"| {of_metric(metric).link if whose == 'theirs' else ''} | {whose} | " + " | ".join(cells) + " |"
            )
    return "\n".join(lines)


def runs_table() -> str:
    """Return the table of the descents."""
    lines = ["| whose | experiment | image | evaluations | loss after rounds 1, 2, 4, 10, 20 and the last |"]
    lines.append("|---|---|---|---:|---|")
    for whose, file in OURS.items():
        for name, one in load(file)["experiments"].items():
            totals = [entry["total"] for entry in one["rounds"]]
            shown = ", ".join(f"{totals[index]:.4g}" for index in (0, 1, 3, 9, 19, -1))
            size = f"{one['image']['height']} x {one['image']['width']}"
            lines.append(f"| {whose} | {name} | {size} | {one['evaluations']} | {shown} |")
    return "\n".join(lines)


def questions_table() -> str:
    """Return the table of the paper's open questions."""
    lines = ["| | " + " | ".join(QUESTION_COLUMNS) + " |", "|---|" + "---:|" * len(QUESTION_COLUMNS)]
    for label, file in QUESTIONS.items():
        source = columns(load(file))
        cells = [
            " / ".join(_cell(source[head][metric], 2) for head, metric in each) for each in QUESTION_COLUMNS.values()
        ]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def remade(text: str) -> str:
    """Return the document with its tables of our results remade."""
    for name, table in (
        ("our metrics", metrics_table(text)),
        ("our runs", runs_table()),
        ("open questions", questions_table()),
    ):
        pattern = re.compile(f"(<!-- {name} -->\n).*?(\n<!-- end {name} -->)", re.DOTALL)
        text = pattern.sub(lambda found, table=table: found[1] + table + found[2], text)
    return text


def _cell(value: float | None, digits: int | None = None) -> str:
    if digits is not None and value is not None and abs(value) < 100:
        return f"{value:.{1 if abs(value) >= 10 else digits}f}"
    rounded: str = PUBLISHED["_rounded"](float("nan") if value is None else value)
    return rounded


if __name__ == "__main__":
    DOCUMENT.write_text(remade(DOCUMENT.read_text()))
