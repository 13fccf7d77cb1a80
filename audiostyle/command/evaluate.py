"""``audiostyle evaluate``: objective measures of any port's output."""

import argparse
import dataclasses
import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from audiostyle.command.terminal import show, show_state
from audiostyle.settings.fields import TIMES

__all__ = ["add_parser", "run", "what_is_measured"]


def add_parser(subparsers: Any) -> None:
    """Add the subcommand and its options."""
    from audiostyle.settings import PRESETS

    parser = subparsers.add_parser(
        "evaluate",
        help="measure outputs, of this or of any other port, against their content and style",
        description="Measure outputs against content and style: rhythm, timbre, harmony, overlap, copying and buzz. "
        "The same numbers of the content itself, the style itself, and the content after image and inversion with no "
        "transfer say how to read them. docs/metrics.md defines every one. In place of CONTENT and STYLE, the folder "
        "of a transfer may be given: its run.json says which clips, offsets and settings made its sound, and "
        "further OUTPUTs are measured beside it.",
        usage="%(prog)s [options] (CONTENT STYLE OUTPUT | RUN) [OUTPUT ...]\n       %(prog)s [options] --pairs FILE",
    )
    parser.add_argument(
        "content", metavar="CONTENT", nargs="?", help="the content clip; or RUN, the folder of a transfer"
    )
    parser.add_argument("style", metavar="STYLE", nargs="?", help="the style clip; not after RUN")
    parser.add_argument("outputs", metavar="OUTPUT", nargs="*", help="results of a transfer, as sound files")
    parser.add_argument("--json", metavar="FILE", help="write all numbers as JSON; - is standard output, and no table")
    parser.add_argument("--csv", metavar="FILE", help="write a table with one row per sound; - is standard output")
    parser.add_argument(
        "--page", metavar="FILE", help="write a page with players and numbers side by side, which needs no network"
    )
    parser.add_argument(
        "--pairs",
        metavar="FILE",
        help="measure many results, each against its own clips: a CSV with the header content,style,result and, for "
        "several methods, label; the table has medians and ranges",
    )
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help="compute the paper's losses of every sound too, with VGG-19 weights in any known form, or the word random",
    )
    parser.add_argument(
        "--export",
        metavar="FILE",
        help="write the list of sounds (CSV or JSON) that other programs can add their measures to, and stop",
    )
    parser.add_argument("--import", dest="measures", metavar="FILE", help="show the measures of such a list too")
    parser.add_argument("--duration", metavar="X", help="seconds taken from each clip, or mm:ss (default: 10)")
    parser.add_argument(
        "--duration-style", metavar="X", help="seconds taken from the style clip, or mm:ss (default: as of the content)"
    )
    parser.add_argument("--offset-content", metavar="X", help="seconds skipped in the content clip, or mm:ss")
    parser.add_argument("--offset-style", metavar="X", help="seconds skipped in the style clip, or mm:ss")
    parser.add_argument(
        "--preset",
        choices=tuple(PRESETS),
        help="what made the outputs: its image and inversion give the last part of the scale (default: released, or "
        "what RUN was made with)",
    )
    parser.add_argument(
        "--set", dest="assignments", metavar="NAME=VALUE", action="append", default=[], help="change any other setting"
    )
    parser.add_argument(
        "--no-inversion", action="store_true", help="leave out the content after inversion, which takes the longest"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, print the table, write the files."""
    from audiostyle.errors import InputError
    from audiostyle.files import check_output
    from audiostyle.study.evaluate.outside import export_sounds

    chosen: dict[str, str] = {}
    for assignment in args.assignments:
        name, separator, value = assignment.partition("=")
        if not separator:
            raise InputError(f"--set was given {assignment!r}, but takes NAME=VALUE, such as --set n_mels=64.")
        chosen[name.strip()] = value
    for name in TIMES:
        if getattr(args, name) is not None:
            chosen[name] = getattr(args, name)
    if args.json == args.csv == "-":
        raise InputError("--json and --csv both name the standard output; give one of them a file.")
    base, pairs = what_is_measured(args)
    settings = base.with_text(chosen)
    if args.page and args.pairs:
        raise InputError("--page shows the results of one pair of clips; leave out --pairs.")
    read = [path for pair in pairs for path in pair[:3]]
    named = {"--json": args.json, "--csv": args.csv, "--page": args.page, "--export": args.export}
    targets = {option: path for option, path in named.items() if path not in (None, "-")}
    for path in targets.values():
        check_output(path, "The numbers", read)
    for option, path in targets.items():
        if same := [other for other in targets if os.path.realpath(targets[other]) == os.path.realpath(path)][1:]:
            raise InputError(f"{option} and {same[0]} both name {path!r}; give two files.")
    if args.export:
        roles = ("content", "style", "output")
        sounds = {path: (role, os.path.basename(path), path)
                  for pair in pairs for role, path in zip(roles, pair[:3], strict=True)}  # fmt: skip
        export_sounds(args.export, list(sounds.values()))
        return 0
    _measure(args, pairs, settings)
    return 0


def _measure(args: argparse.Namespace, pairs: Sequence[Any], settings: Any) -> None:
    """Measure everything, write the files, then print."""
    from audiostyle.files import write_bytes
    from audiostyle.study.evaluate.outside import read_measures
    from audiostyle.study.evaluate.pair_sets import evaluate_pairs, set_as_json, set_as_table
    from audiostyle.study.evaluate.tables import as_csv, as_json, as_table

    outside = read_measures(args.measures) if args.measures else None
    weights = None
    if args.weights is not None:
        from audiostyle.command.obtain import find_weights
        from audiostyle.weights.load import load_weights

        weights = load_weights(find_weights(args.weights, False, False, input), settings.threads)
    found = evaluate_pairs(
        pairs, settings, inversion=not args.no_inversion, weights=weights, outside=outside, progress=_tell
    )
    _tell("")
    forms = {
        args.json: lambda: set_as_json(found) if args.pairs else as_json(found[0][1]),
        args.csv: lambda: as_csv(found),
    }
    if args.page:
        from audiostyle.study.evaluate.evaluation_page import render_evaluation

        forms[args.page] = lambda: render_evaluation(found[0][1])
    # Files first: a reader of the table that goes away must not cost them.
    for path, text in forms.items():
        if path not in (None, "-"):
            write_bytes(path, text().encode("utf-8", "surrogateescape"), "The numbers")
    if "-" in forms:
        _print_document(forms["-"]())
        return
    width = shutil.get_terminal_size((120, 24)).columns
    show(*(set_as_table(found, width) if args.pairs else as_table(found[0][1], width)))


def what_is_measured(args: argparse.Namespace) -> tuple[Any, list[Any]]:
    """Return the settings that the options change, and a line for each output."""
    from audiostyle.errors import InputError
    from audiostyle.settings import preset
    from audiostyle.study.evaluate.pair_sets import Pair, read_pairs

    if args.pairs:
        if args.content is not None:
            raise InputError("--pairs names all clips and results itself; give no others beside it.")
        return preset(args.preset or "released"), read_pairs(args.pairs)
    if args.content is not None and os.path.isdir(args.content):
        base, (content, style, outputs) = _run_folder(
            args.content, [path for path in (args.style, *args.outputs) if path is not None], args.preset
        )
    elif args.style is None or not args.outputs:
        raise InputError(
            "A content clip, a style clip and at least one output are needed, or the folder of a transfer; "
            f"audiostyle {args.command} --help shows what it takes."
        )
    else:
        base, content, style, outputs = preset(args.preset or "released"), args.content, args.style, args.outputs
    return base, [Pair(content, style, output, "") for output in outputs]


def _run_folder(folder: str, more: list[str], chosen_preset: str | None) -> tuple[Any, tuple[str, str, list[str]]]:
    """Read in ``run.json`` what made a folder's sound, of clips that are still the same."""
    from audiostyle.audio.sound_writer import sound_name
    from audiostyle.errors import InputError
    from audiostyle.files import sha256_of_file, shown
    from audiostyle.run.description import fault_of_description
    from audiostyle.run.manifest import MANIFEST_NAME, read_manifest
    from audiostyle.settings import Settings, preset

    record = read_manifest(folder)
    if fault := fault_of_description(record):
        raise InputError(f"{MANIFEST_NAME} in {shown(folder)} cannot be used: {fault}; give the clips by name.")
    for role, clip in record["inputs"].items():
        if os.path.isfile(clip["path"]) and sha256_of_file(clip["path"]) != clip["sha256"]:
            raise InputError(
                f"{shown(clip['path'])} is not the {role} any more that the run in {shown(folder)} was made of; give "
                "the clips by name."
            )
    settings = Settings.from_record(record["settings"])
    if chosen_preset is not None:
        kept = {name: getattr(settings, name) for name in TIMES}
        settings = dataclasses.replace(preset(chosen_preset), **kept)
    content, style = (record["inputs"][role]["path"] for role in ("content", "style"))
    output = os.path.join(folder, sound_name(Settings.from_record(record["settings"])))
    return settings, (content, style, [output, *more])


def _tell(name: str) -> None:
    """Show what is being measured, on a terminal only."""
    show_state(name and f"measuring {name} ...")


def _print_document(text: str) -> None:
    """Print JSON or CSV as it is for a program, and for a terminal so that no file's name can steer it."""
    if sys.stdout.isatty():
        show(*text.removesuffix("\n").split("\n"))
    else:
        print(text, end="")
