"""``audiostyle evaluate``: objective measures of any port's output."""

import argparse
import dataclasses
import os
import shutil
import sys
from typing import Any

from audiostyle.command.terminal import show, show_state

__all__ = ["add_parser", "run"]


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
        usage="%(prog)s [options] (CONTENT STYLE OUTPUT | RUN) [OUTPUT ...]",
    )
    parser.add_argument("content", metavar="CONTENT", help="the content clip; or RUN, the folder of a transfer")
    parser.add_argument("style", metavar="STYLE", nargs="?", help="the style clip; not after RUN")
    parser.add_argument("outputs", metavar="OUTPUT", nargs="*", help="results of a transfer, as sound files")
    parser.add_argument("--json", metavar="FILE", help="write all numbers as JSON; - is standard output, and no table")
    parser.add_argument("--csv", metavar="FILE", help="write a table with one row per sound; - is standard output")
    parser.add_argument("--duration", metavar="X", help="seconds taken from each clip, or mm:ss (default: 10)")
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
    from audiostyle.files import check_output, write_bytes
    from audiostyle.study.evaluate.measured_files import evaluate_files
    from audiostyle.study.evaluate.tables import as_csv, as_json, as_table

    chosen: dict[str, str] = {}
    for assignment in args.assignments:
        name, separator, value = assignment.partition("=")
        if not separator:
            raise InputError(f"--set was given {assignment!r}, but takes NAME=VALUE, such as --set n_mels=64.")
        chosen[name.strip()] = value
    for name in ("duration", "offset_content", "offset_style"):
        if getattr(args, name) is not None:
            chosen[name] = getattr(args, name)
    base, (content, style, outputs) = _what_is_measured(args)
    settings = base.with_text(chosen)
    if args.json == args.csv == "-":
        raise InputError("--json and --csv both name the standard output; give one of them a file.")
    targets = [path for path in (args.json, args.csv) if path not in (None, "-")]
    for path in targets:
        check_output(path, "The numbers", [content, style, *outputs])
    if len({os.path.realpath(path) for path in targets}) < len(targets):
        raise InputError(f"--json and --csv both name {args.json!r}; give two files.")
    evaluation = evaluate_files(content, style, outputs, settings, inversion=not args.no_inversion, progress=_tell)
    _tell("")
    # Files first: a reader of the table that goes away must not cost them.
    for path, text in ((args.json, as_json), (args.csv, as_csv)):
        if path is not None and path != "-":
            write_bytes(path, text(evaluation).encode("utf-8", "surrogateescape"), "The numbers")
    for path, text in ((args.json, as_json), (args.csv, as_csv)):
        if path == "-":
            _print_document(text(evaluation))
            return 0
    show(*as_table(evaluation, shutil.get_terminal_size((120, 24)).columns))
    return 0


def _what_is_measured(args: argparse.Namespace) -> tuple[Any, tuple[str, str, list[str]]]:
    """Return the settings that the options change, and the paths of content, style and outputs."""
    from audiostyle.errors import InputError
    from audiostyle.settings import preset

    if os.path.isdir(args.content):
        return _run_folder(
            args.content, [path for path in (args.style, *args.outputs) if path is not None], args.preset
        )
    if args.style is None or not args.outputs:
        raise InputError(
            "A content clip, a style clip and at least one output are needed, or the folder of a transfer; "
            "audiostyle evaluate --help shows what it takes."
        )
    return preset(args.preset or "released"), (args.content, args.style, args.outputs)


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
        kept = {name: getattr(settings, name) for name in ("duration", "offset_content", "offset_style")}
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
