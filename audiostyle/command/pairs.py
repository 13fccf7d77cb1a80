"""``audiostyle pairs FOLDER``: which content goes with which style, written down for ``audiostyle batch``."""

import argparse
import csv
import io
import os
import sys
from pathlib import Path
from typing import Any

from audiostyle.command.terminal import counted, tell
from audiostyle.errors import InputError

__all__ = ["add_parser"]


def add_parser(subparsers: Any) -> None:
    """Add the ``pairs`` subcommand."""
    parser = subparsers.add_parser(
        "pairs",
        help="draw pairs of clips from folders, for batch",
        description="Write a table of content and style clips for audiostyle batch, drawn from FOLDER: GTZAN's "
        "(genres/rock/rock.00017.wav), or any folder of folders, whose names become labels. The same folder and seed "
        "give the same pairs; the table may be edited.",
    )
    parser.add_argument("folder", metavar="FOLDER", help="a folder with a folder for each genre or group")
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="pairs.csv", help="the table to write (default: %(default)s)"
    )
    parser.add_argument("--content-genres", metavar="A,B,...", help="folders that contents come from (default: all)")
    parser.add_argument("--style-genres", metavar="A,B,...", help="folders that styles come from (default: all)")
    number = parser.add_mutually_exclusive_group()
    number.add_argument(
        "--per-pair", metavar="N", default="10", help="pairs of clips for every two folders (default: %(default)s)"
    )
    number.add_argument("--all", action="store_true", help="every pair of clips there is")
    parser.add_argument("--same-genre", action="store_true", help="pair a folder's clips with each other, too")
    parser.add_argument("--sample-seed", metavar="N", default="0", help="another number draws other pairs (default: 0)")
    parser.add_argument(
        "--faults",
        choices=("warn", "skip"),
        default="warn",
        help="what to do with clips that cannot be read or are known to be faulty in GTZAN (default: warn)",
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from audiostyle.batch.gtzan import clips_by_label, draw_pairs
    from audiostyle.files import check_output, write_bytes

    per_pair = None if args.all else _whole("--per-pair", args.per_pair, 1)
    seed = _whole("--sample-seed", args.sample_seed, 0)
    clips = clips_by_label(args.folder)
    check_output(args.output, "The pairs", (clip for group in clips.values() for clip in group))
    contents = _chosen("--content-genres", args.content_genres, clips)
    styles = _chosen("--style-genres", args.style_genres, clips)
    faults = _faults([*contents.values(), *styles.values()])
    if args.faults == "skip":
        contents, styles = (
            {label: [clip for clip in group if clip not in faults] for label, group in side.items()}
            for side in (contents, styles)
        )
    pairs = list(draw_pairs(contents, styles, per_pair, args.same_genre, seed))
    if not pairs:
        raise InputError(
            "There is nothing to pair: contents and styles come from one and the same folder (--same-genre pairs its "
            "clips with each other), or no clip is left."
        )
    base = Path(os.path.abspath(args.output)).parent
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("content", "style", "content_label", "style_label"))
    for content, content_label, style, style_label in pairs:
        writer.writerow((_relative(content, base), _relative(style, base), content_label, style_label))
    write_bytes(args.output, text.getvalue().encode("utf-8", "surrogateescape"), "The pairs")
    used = {clip for content, _, style, _ in pairs for clip in (content, style)}
    _tell_faults(faults, used, args.faults)
    labels = len({(content_label, style_label) for _, content_label, _, style_label in pairs})
    tell(
        f"{counted(len(pairs), 'pair')} of {counted(len(used), 'clip')}, {labels} of content with style folder, are in "
        f"{args.output}."
    )
    return 0


def _chosen(option: str, names: str | None, clips: dict[str, list[Path]]) -> dict[str, list[Path]]:
    from audiostyle.settings.nearest import did_you_mean

    if names is None:
        return clips
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in clips:
            hint = did_you_mean(name, clips) or f"; there are {', '.join(clips)}."
            raise InputError(f"{option} names {name!r}, but there is no such folder with clips{hint}")
    return {name: clips[name] for name in wanted}


def _faults(groups: list[list[Path]]) -> dict[Path, str]:
    from audiostyle.batch.gtzan import fault_of_clip

    looked_at = {clip: fault_of_clip(clip) for clip in dict.fromkeys(clip for group in groups for clip in group)}
    return {clip: fault for clip, fault in looked_at.items() if fault}


def _tell_faults(faults: dict[Path, str], used: set[Path], done: str) -> None:
    if done == "skip":
        lines = [f"{clip} is left out: {fault}." for clip, fault in faults.items()]
    else:
        lines = [f"{clip} is among them: {fault}." for clip, fault in faults.items() if clip in used]
    tell(*(f"audiostyle: {line}" for line in lines), stream=sys.stderr)
    if lines and done == "warn":
        tell("audiostyle: --faults skip leaves such clips out.", stream=sys.stderr)


def _whole(option: str, text: str, least: int) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text[:9]) < least or len(text) > 9:
        raise InputError(f"{option} was given {text!r}, but takes a whole number of at least {least}.")
    return int(text)


def _relative(clip: Path, base: Path) -> str:
    """Return a path that leads to the clip from the table, so that both can be moved together."""
    return os.path.relpath(os.path.abspath(clip), base)
