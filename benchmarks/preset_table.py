"""Tables of how presets do beside one of them, from the folder of a batch over several pairs and seeds.

Usage: python -m benchmarks.preset_table FOLDER [--beside corrected]

A pair's number is the median over its seeds; the last table is over pairs.  docs/listening.md is made of these.
"""

import argparse
import csv
import json
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import soundfile

from audiostyle.audio.clip import load_clip
from audiostyle.audio.loudness import loudness
from audiostyle.settings import Settings

# Column of results.csv or key of what `beside` returns, heading, digits.
MEASURES = (
    ("mfcc_frechet_style", "MFCC distance to the style", 0),
    ("mel_change_correlation_content", "mel change correlation with the content", 2),
    ("chroma_change_cosine_content", "chroma change cosine with the content", 2),
    ("beat_spectrum_cosine_style", "beat spectrum, likeness to the style", 2),
    ("row_ac_r_style", "row AC r to the style", 2),
    ("pulse_share", "pulse clarity, of the style's", 2),
    ("stuck_row_count", "stuck rows", 1),
    ("stuck_row_count_more", "stuck rows beyond the style's", 1),
    ("loudest_end", "loudest at an end", 2),
    ("louder", "LU above the content", 1),
)

Row = Mapping[str, str]


def read(batch: Path) -> dict[str, dict[str, list[Row]]]:
    """Return rows by pair, then by preset, each with what its clips and sound say; without what is not measured."""
    found: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    with open(batch / "results.csv", newline="", encoding="utf-8") as file:
        for row in filter(measured, csv.DictReader(file)):
            found[f"{row['content_label']} -> {row['style_label']}"][row["preset"]].append(row | beside(batch, row))
    return found


def measured(row: Row) -> bool:
    """Say whether a row has its metrics."""
    return bool(row["mfcc_frechet_style"])


def beside(batch: Path, row: Row) -> dict[str, str]:
    """Return the numbers that need the clips' own, and that of a burst: an end's peak over that of the rest."""
    folder = batch / row["folder"]
    document = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    clips = {sound["role"]: sound for sound in document["evaluation"]["sounds"]}
    style = clips["style"]["metrics"]
    sound, rate = soundfile.read(next(folder.glob("output.*")))
    peaks = np.abs(sound)
    stretch = Settings(duration=document["evaluation"]["analysis"]["duration"])
    content = load_clip(clips["content"]["path"], stretch, float(row.get("offset_content") or 0))
    window = 2048
    ends = max(peaks[:window].max(), peaks[-window:].max())
    numbers = {
        "pulse_share": float(row["pulse_clarity"] or "nan") / (style["pulse_clarity"] or np.nan),
        "stuck_row_count_more": max(float(row["stuck_row_count"]) - style["stuck_row_count"], 0.0),
        "loudest_end": ends / peaks[window:-window].max(),
        "louder": loudness(sound, rate) - loudness(content, stretch.sample_rate),
    }
    return {name: str(number) for name, number in numbers.items()}


def numbers(rows: Iterable[Row], column: str) -> list[float]:
    """Return a column of rows, without what is not defined."""
    return [float(row[column]) for row in rows if row[column] not in ("", "nan")]


def decimal(value: float, digits: int) -> str:
    """Return a number with so many digits, and never ``-0.0``."""
    return f"{round(value, digits) + 0.0:.{digits}f}"


def spread(values: list[float], digits: int) -> str:
    """Return the median, and the range where there is one: ``0.33 (0.27 to 0.43)``; a dash for no number."""
    if not values:
        return "-"
    low, middle, high = (decimal(value, digits) for value in (min(values), statistics.median(values), max(values)))
    return middle if low == high else f"{middle} ({low} to {high})"


def main() -> None:
    """Print the table of pairs and the table over pairs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("batch", type=Path)
    parser.add_argument("--beside", default="corrected", help="what the others are judged by (default: %(default)s)")
    args = parser.parse_args()
    pairs = read(args.batch)
    presets = list(dict.fromkeys([args.beside, *(preset for rows in pairs.values() for preset in rows)]))
    pairs = {name: rows for name, rows in pairs.items() if set(rows) == set(presets)}
    print("| pair | preset | runs |", " | ".join(heading for _, heading, _ in MEASURES), "|")
    print("|---|---|---:|" + "---:|" * len(MEASURES))
    for name, by_preset in pairs.items():
        for preset in presets:
            rows = by_preset[preset]
            cells = [spread(numbers(rows, column), digits) for column, _, digits in MEASURES]
            print(f"| {name} | {preset} | {len(rows)} |", " | ".join(cells), "|")
    print(f"\n| median over {len(pairs)} pairs (range) |", " | ".join(presets), "|")
    print("|---|" + "---:|" * len(presets))
    for column, heading, digits in MEASURES:
        medians = [[statistics.median(numbers(rows[preset], column)) for rows in pairs.values()] for preset in presets]
        print(f"| {heading} |", " | ".join(spread(values, digits) for values in medians), "|")
    shares = [[distance(rows[preset]) / distance(rows[args.beside]) for rows in pairs.values()] for preset in presets]
    print(f"| share of {args.beside}'s MFCC distance |", " | ".join(spread(share, 2) for share in shares), "|")


def distance(rows: Iterable[Row]) -> float:
    """Return the median distance of timbre."""
    return statistics.median(numbers(rows, "mfcc_frechet_style"))


if __name__ == "__main__":
    main()
