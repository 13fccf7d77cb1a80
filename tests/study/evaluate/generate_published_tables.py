"""Remakes the tables of the authors' published results in docs/reproduction.md, and published.json in the package.

It needs the folder with the authors' clips, WAVs and pictures:

    PYTHONPATH=. python tests/study/evaluate/generate_published_tables.py ../shared

The WAVs are measured as ``audiostyle evaluate`` measures any output.  The pictures show the mel images
before the inversion; their pixels are turned back into values by their colours, so what the paper says
of its pictures can be measured in them.
"""

import json
import re
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np

from audiostyle.audio.clip import bandpass, load_clip
from audiostyle.files import sha256_of_file
from audiostyle.settings import Settings
from audiostyle.study import evaluate, reproduce
from audiostyle.study.evaluate import buzz, copying, figure4, overlap, rhythm, spectral
from audiostyle.study.evaluate.catalogue import metric as of_metric
from audiostyle.study.evaluate.measured_files import evaluate_files
from audiostyle.study.evaluate.sounds import Sound, measure

SCHEMA = json.loads((Path(evaluate.__file__).parent / "schema.json").read_text())
METRICS = SCHEMA["$defs"]["sound"]["properties"]["metrics"]["required"]
PUBLISHED = Path(reproduce.__file__).parent / "published.json"
DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "reproduction.md"
WAVS = OrderedDict(
    [
        ("3a", "spec/specOut.wav"),
        ("3b", "mfcc/melOut.wav"),
        ("3c", "rowAC25l0w1em9/melOut.wav"),
        ("3d", "raccac25l0w1em9/melOut.wav"),
    ]
)
# The three panels of the authors' melOut.png, between their frames, in pixels.
PANELS = {"content": (54, 330), "style": (387, 664), "result": (721, 998)}
ACROSS = (94, 1758)

Table = OrderedDict[str, OrderedDict[str, float]]


def from_wavs(shared, inversion=True):
    """Return column to (metric to value) of the scale and the four WAVs."""
    clips = (str(shared / "clips" / name) for name in ("rock17.wav", "reggae07.wav"))
    files = [str(shared / "published" / name) for name in WAVS.values()]
    found = evaluate_files(*clips, files, Settings(), inversion=inversion)
    names = ["content", "style", *(["content inverted"] if inversion else []), *WAVS]
    return OrderedDict((name, row.metrics()) for name, row in zip(names, found.rows, strict=True))


def from_pictures(shared):
    """Return column to (metric to value) of the pictures of 3b, 3c and 3d, and of content and style as drawn."""
    settings = Settings()
    clips = {
        name: measure(bandpass(load_clip(shared / "clips" / file, settings), settings), settings)
        for name, file in (("content", "rock17.wav"), ("style", "reggae07.wav"))
    }
    folders = [(name, file.split("/")[0]) for name, file in WAVS.items() if name != "3a"]
    drawn = {"content": _panel(shared, "mfcc", "content", clips), "style": _panel(shared, "mfcc", "style", clips)}
    drawn |= {name: _panel(shared, folder, "result", clips) for name, folder in folders}
    return OrderedDict((name, _picture_metrics(mel, clips["content"], clips["style"])) for name, mel in drawn.items())


def _panel(shared, folder, panel, clips):
    """Values ``(96, 854)`` of a panel; a result was drawn in the content's range (D10)."""
    import matplotlib
    from PIL import Image

    top, bottom = PANELS[panel]
    pixels = np.asarray(Image.open(shared / "published" / folder / "melOut.png").convert("RGB"), dtype=float)
    pixels = pixels[top:bottom, ACROSS[0] : ACROSS[1]].sum(axis=2)
    # In this colour map the sum of red, green and blue rises with the value.
    colours = matplotlib.colormaps["afmhot"](np.linspace(0, 1, 1024))[:, :3].sum(axis=1) * 255
    values = np.interp(pixels, colours, np.linspace(0, 1, 1024))
    rows, columns = (
        ((np.arange(count) + 0.5) * size / count).astype(int)
        for count, size in zip((96, 854), values.shape, strict=True)
    )
    mel = clips["style" if panel == "style" else "content"].mel
    return mel.min() + (mel.max() - mel.min()) * values[rows[::-1]][:, columns]


def _picture_metrics(mel, content, style):
    """Return those metrics that need nothing but the mel image."""
    it = Sound(content.samples, mel, content.sample_rate, content.hop, content.floor)
    references = {"style": style, "content": content}
    beats = rhythm.beat_spectrum(mel)
    scores = figure4.evaluate(it, content, style)
    for name, sound in references.items():
        scores[f"beat_spectrum_cosine_{name}"] = rhythm.beat_spectrum_cosine(
            beats, rhythm.beat_spectrum(sound.mel), it.column_seconds
        )
    scores["beat_spectrum_contrast"] = rhythm.contrast(beats, it.column_seconds)
    scores.update(overlap.evaluate(it, content, style))
    for name, sound in references.items():
        scores[f"log_spectral_distance_{name}_db"] = spectral.log_spectral_distance(mel, sound.mel)
    for name, sound in references.items():
        scores[f"copy_picture_{name}"] = copying.picture_copy(mel, sound.mel)
        scores[f"copy_patches_{name}"] = copying.patch_copy(mel, sound.mel, it.column_seconds)
    index, count, row = buzz.stuck_rows(mel)
    scores["stuck_row_index_db"], scores["stuck_row_count"] = index, float(count)
    scores["stuck_row_variation_ratio"] = buzz.variation_ratio(mel, row, it.floor)
    return scores


def as_markdown(table):
    """Return a table with a metric per line and a sound per column."""
    lines = ["| metric | " + " | ".join(table) + " |", "|---|" + "---:|" * len(table)]
    for metric in next(iter(table.values())):
        lines.append(
            f"| {of_metric(metric).link} | " + " | ".join(_rounded(scores[metric]) for scores in table.values()) + " |"
        )
    return "\n".join(lines)


def _rounded(value):
    if not np.isfinite(value):
        return "-"
    return (
        f"{value:.0f}"
        if abs(value) >= 1000 or value == round(value)
        else f"{value:.{1 if abs(value) >= 100 else 2 if abs(value) >= 10 else 3}f}"
    )


def read_table(text, name):
    """Return the numbers of the table between the marks ``<!-- name -->`` and ``<!-- end name -->``."""
    block = re.search(f"<!-- {name} -->\n(.*?)\n<!-- end {name} -->", text, re.DOTALL)
    assert block is not None, name
    head, _, *lines = ([cell.strip() for cell in line.strip("|").split("|")] for line in block.group(1).splitlines())
    names = {of_metric(name).link: name for name in METRICS}
    return OrderedDict(
        (
            column,
            OrderedDict(
                (names[line[0]], float(line[place].replace("-", "nan") if line[place] == "-" else line[place]))
                for line in lines
            ),
        )
        for place, column in enumerate(head)
        if place
    )


def write_published(shared, wavs):
    """Write the numbers of the WAVs, with all their digits, to where the package judges the paper's claims by them."""
    clips = {"content": "rock17.wav", "style": "reggae07.wav"}
    document = {
        "inputs": {
            role: {"name": name, "sha256": sha256_of_file(shared / "clips" / name)} for role, name in clips.items()
        },
        "columns": {
            column.replace("content inverted", "inverted"): {
                name: value if np.isfinite(value) else None for name, value in scores.items()
            }
            for column, scores in wavs.items()
        },
    }
    PUBLISHED.write_text(json.dumps(document, indent=1) + "\n")


def main():
    """Put both tables between their marks."""
    shared = Path(sys.argv[1])
    text = DOCUMENT.read_text()
    wavs = from_wavs(shared)
    write_published(shared, wavs)
    for name, table in (("published wavs", wavs), ("published pictures", from_pictures(shared))):
        pattern = re.compile(f"(<!-- {name} -->\n).*?(\n<!-- end {name} -->)", re.DOTALL)
        text = pattern.sub(lambda found, table=table: found[1] + as_markdown(table) + found[2], text)
    DOCUMENT.write_text(text)


if __name__ == "__main__":
    main()
