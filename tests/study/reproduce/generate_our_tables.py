"""Remakes docs/baseline/claims.json and the tables of our own results in docs/reproduction.md and README.md.

    PYTHONPATH=. python tests/study/reproduce/generate_our_tables.py

They come from the files in docs/baseline, each the ``results.json`` of a full reproduction (docs/baseline.md says how
to make it): ``released.json`` and every ``released_seedN.json`` that is there, whatever experiments it has.  The
authors' numbers are those of their WAVs, in the package's ``published.json``.
"""

import json
import re
import runpy
import statistics
from pathlib import Path

from audiostyle.study.evaluate.catalogue import metric as of_metric
from audiostyle.study.reproduce.claims import claims_document, columns_of, published

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = ROOT / "docs" / "reproduction.md"
README = ROOT / "README.md"
BASELINE = ROOT / "docs" / "baseline"
PUBLISHED = runpy.run_path(str(ROOT / "tests" / "study" / "evaluate" / "generate_published_tables.py"))

EXPERIMENTS = ("3a", "3b", "3c", "3d")
#: Seed to the file of the released settings, and those of another preset.
SEEDS = {0: "released.json"} | {
    int(re.search(r"\d+", path.stem)[0]): path.name for path in sorted(BASELINE.glob("released_seed*.json"))
}
SEEDS = dict(sorted(SEEDS.items()))
OURS = {**{f"seed {seed}": name for seed, name in SEEDS.items()}, "corrected": "corrected.json"}
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


def load(name):
    """Return one of the files in docs/baseline."""
    found = json.loads((BASELINE / name).read_text())
    return found


def claims():
    """Return what docs/baseline/claims.json holds."""
    return claims_document({name: load(name) for name in SEEDS.values()}, {"corrected": load("corrected.json")})


def claims_table():
    """Return the table of the claims."""
    lines = ["| the paper's sentence | number | true if | theirs | ours: median (range), in how many seeds it holds |"
             " `corrected` | verdict |", "|---|---|---|---:|---:|---:|---|"]  # fmt: skip
    for claim in claims()["claims"]:
        section = f" ({claim['section']})" if claim["section"] else ""
        ours = claim["ours"]
        held = f", {sum(one['holds'] for one in ours)} of {len(ours)}" if ours else ""
        cells = [
            claim["sentence"] + section,
            claim["number"],
            f"{claim['comparison']} {claim['threshold']:g}: {claim['why']}",
            _answer(claim["theirs"]),
            _spread([one["value"] for one in ours]) + held,
            _answer(claim["others"]["corrected"]),
            f"**{claim['verdict']}**" + (f". {claim['remark']}" if claim["remark"] else ""),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def metrics_table():
    """Return the table of the metrics: theirs, the median and range of our seeds, and the other preset."""
    theirs, corrected = published()["columns"], columns_of(load("corrected.json"))
    seeds = [columns_of(load(name)) for name in SEEDS.values()]
    heads = ("content", "style", "inverted", *EXPERIMENTS)
    counts = [sum(name in one for one in seeds) for name in EXPERIMENTS]
    lines = ["| metric | whose | " + " | ".join(heads) + " |", "|---|---|" + "---:|" * len(heads)]
    lines.append("| | seeds | | | | " + " | ".join(map(str, counts)) + " |")
    for metric in METRICS:
        values = {head: [one[head][metric] for one in seeds if head in one] for head in heads}
        rows = {
            "theirs": [_cell(theirs[head][metric]) for head in heads],
            "ours, median": [_cell(_median(values[head])) for head in heads],
            "ours, range": ["" if head in heads[:3] else _range(values[head]) for head in heads],
            "corrected": [_cell(corrected[head][metric]) for head in heads],
        }
        for whose, cells in rows.items():
            head = of_metric(metric).link if whose == "theirs" else ""
            lines.append(f"| {head} | {whose} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def runs_table():
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


def questions_table():
    """Return the table of the paper's open questions."""
    lines = ["| | " + " | ".join(QUESTION_COLUMNS) + " |", "|---|" + "---:|" * len(QUESTION_COLUMNS)]
    for label, file in QUESTIONS.items():
        source = columns_of(load(file))
        cells = [
            " / ".join(_cell(source[head][metric], 2) for head, metric in each) for each in QUESTION_COLUMNS.values()
        ]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def figures_table():
    """Return README's table of the figures."""
    command = "run_transfer.py rock17.wav reggae07.wav"
    return "\n".join(
        [
            "| figure | one by one | time on 2 cores | expect: median (range) of our seeds [the authors' result] |",
            "|---|---|---|---|",
            "| 1, 2 | `spectrogram.png` and `mel.png` of any run | | |",
            *(
                f"| {figure} | `{command} {options}-o {name}` | {time} | {_expected(name)} |"
                for name, figure, options, time in (
                    ("3a", "3a", "--spec ", "16 min*, 2.6 GB"),
                    ("3b", "3b; 4a, 4b", "", "5 min 22 s*, 1.6 GB"),
                    ("3c", "3c", "--rowac ", "6 min 3 s*, 1.6 GB"),
                    ("3d", "3d; 4c, 4d", "--rowac --colac ", "4 min 27 s, 1.6 GB"),
                )
            ),
        ]
    )


def _expected(name):
    """What an experiment comes to, over the seeds that there are."""
    runs = [found for file in SEEDS.values() if (found := load(file)["experiments"].get(name))]
    theirs = published()["columns"][name]

    def both(metric, digits=2):
        ours = _spread([run["metrics"][metric] for run in runs], digits)
        return f"{ours} [{_cell(theirs[metric], digits)}]"

    loss = f"{len(runs)} seed{'s' * (len(runs) != 1)}: loss {_spread([run['rounds'][-1]['total'] for run in runs], 0)}"
    distance = f"MFCC distance to the style {both('mfcc_frechet_style')}"
    if name == "3a":
        return f"{loss}; far from both clips: {distance}"
    rows = f"row-autocorrelation r {both('row_ac_r_style')}"
    if name == "3b":
        return f"{loss}; no beat of the style: {rows}"
    if name == "3c":
        return f"{loss}; the style's beat: {rows}; stuck rows {both('stuck_row_count')}"
    return f"{loss}; {rows}; {distance}"


def remade(text):
    """Return docs/reproduction.md or README.md with its tables of our results remade."""
    for name, table in (
        ("claims", claims_table),
        ("our metrics", metrics_table),
        ("our runs", runs_table),
        ("open questions", questions_table),
        ("figures", figures_table),
    ):
        if f"<!-- {name} -->" in text:
            pattern = re.compile(f"(<!-- {name} -->\n).*?(\n<!-- end {name} -->)", re.DOTALL)
            made = table()
            text = pattern.sub(lambda found, made=made: found[1] + made + found[2], text)
    return text


def _answer(measured):
    return "" if measured is None else f"{_cell(measured['value'], 2)}, {'yes' if measured['holds'] else 'no'}"


def _median(values):
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _range(values, digits=None):
    known = [value for value in values if value is not None]
    return f"{_cell(min(known), digits)} to {_cell(max(known), digits)}" if len(known) > 1 else ""


def _spread(values, digits=2):
    """Median, and the range if there are several values."""
    span = _range(values, digits)
    return _cell(_median(values), digits) + (f" ({span})" if span else "")


def _cell(value, digits=None):
    if digits is not None and value is not None and abs(value) < 100 and value != round(value):
        return f"{value:.{min(digits, 1) if abs(value) >= 10 else digits}f}"
    rounded = PUBLISHED["_rounded"](float("nan") if value is None else value)
    return rounded


def main():
    """Write everything."""
    (BASELINE / "claims.json").write_text(json.dumps(claims(), indent=1, ensure_ascii=False) + "\n")
    for document in (DOCUMENT, README):
        document.write_text(remade(document.read_text()))


if __name__ == "__main__":
    main()
