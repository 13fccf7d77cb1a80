"""Tables of how one preset does beside another, from the ``results.csv`` of a batch over several pairs and seeds.

Usage: python -m benchmarks.preset_table results.csv [--of listening] [--beside corrected]

A pair's number is the median over its seeds; the last table is over pairs.  docs/listening.md is made of these.
"""

import argparse
import csv
import statistics
from collections import defaultdict
from collections.abc import Iterable

# Column of results.csv, heading, digits.
MEASURES = (
    ("mfcc_frechet_style", "MFCC distance to the style", 0),
    ("mel_change_correlation_content", "mel change correlation with the content", 2),
    ("row_ac_r_style", "row AC r to the style", 2),
    ("row_ac_r_content", "row AC r to the content", 2),
    ("pulse_clarity", "pulse clarity", 2),
    ("stuck_row_count", "stuck rows", 1),
)

Row = dict[str, str]


def read(path: str) -> dict[str, dict[str, list[Row]]]:
    """Return rows by pair, then by preset."""
    found: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found[f"{row['content_label']} -> {row['style_label']}"][row["preset"]].append(row)
    return found


def numbers(rows: Iterable[Row], column: str) -> list[float]:
    """Return a column of rows, without what is not defined."""
    return [float(row[column]) for row in rows if row[column] not in ("", "nan")]


def spread(values: list[float], digits: int) -> str:
    """Return the median, and the range where there is one: ``0.33 (0.27 to 0.43)``."""
    low, middle, high = (f"{value:.{digits}f}" for value in (min(values), statistics.median(values), max(values)))
    return middle if low == high else f"{middle} ({low} to {high})"


def main() -> None:
    """Print the table of pairs and the table over pairs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results")
    parser.add_argument("--of", default="listening", help="the preset that is judged (default: %(default)s)")
    parser.add_argument("--beside", default="corrected", help="what it is judged by (default: %(default)s)")
    args = parser.parse_args()
    pairs = {name: rows for name, rows in read(args.results).items() if {args.of, args.beside} <= set(rows)}
    print("| pair | preset | runs |", " | ".join(heading for _, heading, _ in MEASURES), "|")
    print("|---|---|---:|" + "---:|" * len(MEASURES))
    for name, presets in pairs.items():
        for preset in (args.beside, args.of):
            rows = presets[preset]
            cells = [spread(numbers(rows, column), digits) for column, _, digits in MEASURES]
            print(f"| {name} | {preset} | {len(rows)} |", " | ".join(cells), "|")
    print(f"\n| median over {len(pairs)} pairs (range) | {args.beside} | {args.of} |\n|---|---:|---:|")
    for column, heading, digits in MEASURES:
        medians = [
            [statistics.median(numbers(rows[preset], column)) for rows in pairs.values()]
            for preset in (args.beside, args.of)
        ]
        print(f"| {heading} |", " | ".join(spread(values, digits) for values in medians), "|")
    shares = [
        statistics.median(numbers(rows[args.of], "mfcc_frechet_style"))
        / statistics.median(numbers(rows[args.beside], "mfcc_frechet_style"))
        for rows in pairs.values()
    ]
    print(f"| share of {args.beside}'s MFCC distance | 1 | {spread(shares, 2)} |")


if __name__ == "__main__":
    main()
