"""Writes docs/tuning.md and its pictures from a batch of transfers that differ in one weight at a time.

::

    audiostyle batch pairs.csv -o tuning --grid benchmarks/tuning.toml
    .venv/bin/python -m benchmarks.tuning_page tuning

Numbers are medians over the pairs; pictures are of the first.
"""

import statistics
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from audiostyle.run.archive import ARCHIVE_NAME, Archive
from audiostyle.settings import PRESETS, Settings
from benchmarks.preset_table import MEASURES, Row, decimal, numbers, read

DOCS = Path(__file__).resolve().parents[1] / "docs"
# Setting, what it weighs, what turning it did.
WEIGHTS = {
    "content_weight": (
        "How much the picture is held to the content's, in what the network sees at conv4_2. With a hundred times the "
        "usual weight more of the content's course is left at the same timbre, but a row may stand out; beyond that "
        "the beat goes."
    ),
    "style_weight": (
        "How much the textures of five layers are to be the style's. With less of it the row term, beside it, has more "
        "to say: more of the beat, a timbre that is further off. More of it leaves more of the harmony, and less of "
        "the beat."
    ),
    "tv_weight": (
        "How much neighbouring pixels are to be alike. Up to 1e-6 it does next to nothing; from 1e-4 on it wipes the "
        "picture out, and the corners, which the network sees least of, stand out: an end is louder than the rest."
    ),
    "row_weight": (
        "How much the picture is to repeat in time as the style's does. More of it brings the beat, and costs timbre, "
        "harmony and the content's course."
    ),
    "column_weight": (
        "How much it is to repeat along the frequencies as the style's does. Up to 1e-8 it does little; from 1e-7 "
        "on the timbre is further off."
    ),
    "start_noise": (
        "No weight, but where the descent begins: 0 the content's picture, 1 noise. Up to a half of it is forgotten; "
        "from noise alone nothing of the content comes back in 82 evaluations, and the timbre is far off."
    ),
}
HEAD = """\
# Tuning

What each weight does, one at a time, beside `--preset listening`: its own value is in bold, and the other settings are
as the preset has them. {duration:g} s of each clip, {evaluations} evaluations; numbers are medians over the pairs of
clips ({pairs}), and the pictures are of the first: mel, low frequencies below, one for each
value from left to right.

`audiostyle batch` made the transfers and `benchmarks/tuning_page.py` made this page of them:

```sh
scripts/fetch-music music
audiostyle batch pairs.csv -o tuning --grid benchmarks/tuning.toml
.venv/bin/python -m benchmarks.tuning_page tuning
```

[metrics.md](metrics.md) and [listening.md](listening.md) define the numbers. The MFCC distance is less where timbres
are nearer; correlation, cosine, likeness and r are 1 at most, and about 0 for clips that have nothing to do with each
other.
"""
# Grey levels, few enough for a strip of five below 50 kB, and white pixels between pictures.
_LEVELS, _GAP = 16, 6


def main() -> None:
    """Write the page."""
    batch = Path(sys.argv[1])
    rows = [row for pair in read(batch).values() for preset in pair.values() for row in preset]
    usual = {name: PRESETS["listening"].get(name, getattr(Settings(), name)) for name in WEIGHTS}
    names = list(dict.fromkeys(row["name"] for row in rows))
    usual_run = {"evaluations": rows[0]["evaluations"], "duration": float(rows[0]["duration"])}
    lines = [HEAD.format(pairs=", ".join(names), **usual_run).rstrip()]
    for weight, meaning in WEIGHTS.items():
        others = {name: value for name, value in usual.items() if name != weight}
        chosen = [row for row in rows if all(float(row[name]) == value for name, value in others.items())]
        values = sorted({float(row[weight]) for row in chosen})
        picture = f"tuning_{weight}.png"
        strip([batch / pick(chosen, weight, value)[0]["folder"] for value in values], DOCS / "figures" / picture)
        lines += [
            "",
            f"## `{weight}`",
            "",
            textwrap.fill(meaning, 120),
            "",
            f"![{weight}](figures/{picture})",
        ]
        lines += ["", f"| {weight} |", "|---:|"]
        lines[-2] += "".join(f" {heading} |" for _, heading, _ in MEASURES)
        lines[-1] += "---:|" * len(MEASURES)
        for value in values:
            cells = [middle(pick(chosen, weight, value), column, digits) for column, _, digits in MEASURES]
            mark = "**" * (value == usual[weight])
            lines.append(f"| {mark}{value:g}{mark} | " + " | ".join(cells) + " |")
    (DOCS / "tuning.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def pick(rows: Sequence[Row], weight: str, value: float) -> list[Row]:
    """Return the rows of one value, in the order of the pairs."""
    return [row for row in rows if float(row[weight]) == value]


def middle(rows: Sequence[Row], column: str, digits: int) -> str:
    """Return the median of a column."""
    return decimal(statistics.median(numbers(rows, column)), digits)


def strip(folders: Sequence[Path], target: Path) -> None:
    """Write the last images of runs side by side, high frequencies above, as grey levels from their own range."""
    parts = []
    for folder in folders:
        image = Archive.read(folder / ARCHIVE_NAME).rounds[-1].image[0].mean(axis=0)
        low, high = np.percentile(image, [1, 99])
        grey = np.round(np.clip((image - low) / (high - low), 0, 1) * (_LEVELS - 1)) * (255 // (_LEVELS - 1))
        parts += [grey[::-1].astype(np.uint8), np.full((len(grey), _GAP), 255, np.uint8)]
    Image.fromarray(np.hstack(parts[:-1])).quantize(_LEVELS + 1).save(target, optimize=True)


if __name__ == "__main__":
    main()
