"""``audiostyle listening``: makes a listening test, and analyses its answers."""

import argparse
from typing import Any

from audiostyle.command.terminal import show, tell

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Add the subcommand and its options."""
    parser = subparsers.add_parser(
        "listening",
        help="make a listening test of results, and analyse what was answered",
        description="Make a folder for listeners in the manner of MUSHRA (ITU-R BS.1534): results, the other clip, a "
        "hidden reference and an anchor, equally loud, under names that say nothing; a page that needs no server, and "
        "a configuration for webMUSHRA. The key lies beside the folder, in FOLDER.key.json. With --analyse, print "
        "medians and confidence intervals of the answers. docs/listening_test.md explains it.",
        usage="%(prog)s [options] FOLDER (CONTENT STYLE OUTPUT | RUN) [OUTPUT ...]\n"
        "       %(prog)s [options] FOLDER --pairs FILE\n"
        "       %(prog)s FOLDER --analyse FILE [FILE ...]",
    )
    parser.add_argument("folder", metavar="FOLDER", help="the test's folder")
    parser.add_argument("content", metavar="CONTENT", nargs="?", help="the content clip; or RUN, a transfer's folder")
    parser.add_argument("style", metavar="STYLE", nargs="?", help="the style clip; not after RUN")
    parser.add_argument("outputs", metavar="OUTPUT", nargs="*", help="results, as sound files")
    parser.add_argument(
        "--pairs", metavar="FILE", help="several trials: a CSV with the header content,style,result,label"
    )
    parser.add_argument(
        "--question",
        choices=("style", "content"),
        default="style",
        help="which clip is the reference: how near is each sound to the style, or to the content (default: style)",
    )
    parser.add_argument("--duration", metavar="X", help="seconds taken from each clip, or mm:ss (default: 10)")
    parser.add_argument(
        "--seed", type=int, metavar="N", help="draw names and orders from a seed, so that they can be drawn again"
    )
    parser.add_argument(
        "--analyse", metavar="FILE", nargs="+", help="the answers: CSV files of webMUSHRA or of our own page"
    )
    parser.add_argument("--json", metavar="FILE", help="with --analyse: write the outcome as JSON too")
    parser.set_defaults(run=run, preset=None)


def run(args: argparse.Namespace) -> int:
    """Make a test, or analyse its answers.

    Returns
    -------
    int
        Exit status.
    """
    from audiostyle.errors import InputError

    if args.analyse:
        if args.content or args.pairs:
            raise InputError("--analyse takes the answers only; leave out clips and --pairs.")
        _analyse(args)
        return 0
    if args.json:
        raise InputError("--json is for --analyse.")
    from audiostyle.command.evaluate import what_is_measured
    from audiostyle.study.listening.write_test import key_path, write_test

    base, pairs = what_is_measured(args)
    settings = base.with_text({"duration": args.duration} if args.duration else {})
    write_test(args.folder, pairs, settings, args.question, args.seed)
    tell(
        f"{args.folder}/index.html is the test; webmushra.yaml beside it is for webMUSHRA (docs/listening_test.md).",
        f"{key_path(args.folder)} is the key: keep it from the listeners.",
    )
    return 0


def _analyse(args: argparse.Namespace) -> None:
    import dataclasses
    import json

    from audiostyle.files import check_output, write_bytes
    from audiostyle.study.listening.answers import analyse_answers, as_lines
    from audiostyle.study.listening.write_test import key_path, read_key

    if args.json:
        check_output(args.json, "The outcome", [*args.analyse, key_path(args.folder)])
    found = analyse_answers(args.analyse, read_key(args.folder))
    if args.json:
        text = json.dumps(dataclasses.asdict(found), indent=1) + "\n"
        write_bytes(args.json, text.encode("ascii"), "The outcome")
    show(*as_lines(found))
