"""``audiostyle compare A.h5 B.h5``: where two implementations begin to differ."""

import argparse
import functools
import math
from typing import Any

from audiostyle.command.terminal import show
from audiostyle.errors import InputError

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Add the ``compare`` subcommand."""
    parser = subparsers.add_parser(
        "compare",
        help="say at which stage two stages files begin to differ",
        description="Compare two files as stages writes them (docs/stages.md), stage by stage: the largest difference "
        "and the relative L2 difference, how many numbers differ and where, and what may explain it. Either may have "
        "only some stages. The exit status is 0 if all that both have agree within their tolerances, 1 if one does "
        "not, 2 if a file cannot be used.",
    )
    parser.add_argument("first", metavar="A.h5", help="the file that relative differences are relative to")
    parser.add_argument("second", metavar="B.h5", help="the file to compare with it")
    parser.add_argument(
        "--json", metavar="FILE", help="write the comparison as JSON; - is standard output, and no table"
    )
    parser.add_argument(
        "--tolerance-scale", metavar="X", default="1", help="multiply every tolerance by X (default: %(default)s)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare, print the table and the verdict."""
    from audiostyle.files import check_output, write_bytes
    from audiostyle.isolation import isolated
    from audiostyle.study.compare_report import as_json, as_lines
    from audiostyle.study.stage_comparison import compare_files

    scale = _positive(args.tolerance_scale)
    files = args.first, args.second
    to_file = args.json not in (None, "-")
    if to_file:
        check_output(args.json, "The numbers", files)
    comparison = isolated(functools.partial(compare_files, scale=scale), *files, files=files)
    if args.json is not None:
        text = as_json(comparison, args.first, args.second, scale)
        write_bytes(args.json, text.encode(), "The numbers") if to_file else print(text, end="")
    if args.json != "-":
        show(*as_lines(comparison, args.first, args.second))
    return 0 if comparison.first_disagreement is None else 1


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise InputError(f"--tolerance-scale was given {text!r}, but takes a number above 0.")
    return value
