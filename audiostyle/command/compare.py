"""``audiostyle compare A.h5 B.h5``: where two implementations begin to differ."""

import argparse
from typing import Any

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Add the ``compare`` subcommand."""
    parser = subparsers.add_parser(
        "compare",
        help="say at which stage two stages files begin to differ",
        description="Compare two files as stages writes them (docs/stages.md), stage by stage: the largest difference "
        "and the relative L2 difference. Either may have only some stages. The exit status is 0 if all that both have "
        "agree within their tolerances, 1 if one does not, 2 if a file cannot be used.",
    )
    parser.add_argument("first", metavar="A.h5", help="the file that relative differences are relative to")
    parser.add_argument("second", metavar="B.h5", help="the file to compare with it")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare, print the table and the verdict."""
    from audiostyle.isolation import isolated
    from audiostyle.study.stage_comparison import HEADER, compare_files, render

    comparison = isolated(compare_files, args.first, args.second, files=(args.first, args.second))
    print("\n".join([HEADER, *map(render, comparison.differences)]))
    for path, names in ((args.first, comparison.only_first), (args.second, comparison.only_second)):
        if names:
            print(f"Only in {path}, not compared: {_grouped(names)}.")
    if comparison.unknown:
        print(f"Not stages, ignored: {', '.join(ascii(name)[1:-1] for name in comparison.unknown[:20])}.")
    for warning in comparison.warnings:
        print(warning)
    first = comparison.first_disagreement
    if first is None:
        print(f"All {len(comparison.differences)} stages that both files have agree.")
        return 0
    measure = {"largest": first.largest, "relative": first.relative}[first.stage.measure]
    why = first.note or f"its {first.stage.measure} difference is {measure:.3g}, and {first.allowed:g} is allowed"
    print(f"The first stage to disagree is /{first.stage.name}: {why}.")
    return 1


def _grouped(names: list[str]) -> str:
    """Return names in a line, those of a large group by its name and number."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.rpartition("/")[0], []).append(name)
    many = 9
    parts = [[f"{group}/* ({len(found)})"] if len(found) > many else found for group, found in groups.items()]
    return ", ".join(name for part in parts for name in part)
