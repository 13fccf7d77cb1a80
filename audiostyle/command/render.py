"""``audiostyle render RUN``: sound of any round of a run, without a new descent."""

import argparse
import dataclasses
import sys
from typing import Any

from audiostyle.command.options import ExamplesHelp, parse_assignments
from audiostyle.command.terminal import tell
from audiostyle.errors import InputError
from audiostyle.settings import PRESETS, Settings, preset

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Add the ``render`` subcommand."""
    parser = subparsers.add_parser(
        "render",
        help="make sound of any round of a run, with the same way back to sound or another",
        description="Make sound of any round of a run, without a new descent. Only what comes after the image can be "
        "changed: the inversion, the level, and the form of the file.",
        formatter_class=ExamplesHelp,
    )
    parser.add_argument("folder", metavar="RUN", help="folder of the run")
    parser.add_argument("--round", metavar="N", help="the round; 0 is the start image (default: the last)")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="the sound file, .wav, .flac or .ogg (default: RUN/round_N.wav)"
    )
    parser.add_argument("--preset", choices=tuple(PRESETS), help="take the way back to sound from a preset")
    parser.add_argument("--inversion", metavar="NAME", help="how the spectrogram becomes sound: released or griffinlim")
    parser.add_argument(
        "--set", dest="assignments", metavar="NAME=VALUE", action="append", default=[], help="change any other setting "
        "of the way back, such as inversion_iterations=200 or output_format=flac"
    )  # fmt: skip
    parser.add_argument("--content", metavar="FILE", help="where the content clip is now, if it was moved")
    parser.add_argument("--style", metavar="FILE", help="where the style clip is now, if it was moved")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the sound and say where it is."""
    from audiostyle.audio.sound_writer import in_form_of
    from audiostyle.run.rendering import WAY_BACK, render

    chosen = parse_assignments(args.assignments, "inversion_iterations=200")
    if args.inversion is not None:
        chosen["inversion"] = args.inversion

    def change(settings: Settings) -> Settings:
        if args.preset is not None:
            of_preset = preset(args.preset)
            settings = dataclasses.replace(settings, **{name: getattr(of_preset, name) for name in WAY_BACK})
        settings = settings.with_text(chosen)
        if args.output is None:
            return settings
        named = in_form_of(args.output, settings)
        if "output_format" in chosen and named != settings:
            raise InputError(
                f"-o names {args.output!r}, but the output_format asked for is {settings.output_format}; leave one out."
            )
        return named

    target, buzz = render(
        args.folder,
        args.output,
        None if args.round is None else _number(args.round),
        change,
        (args.content, args.style),
        lambda text: tell(f"{text} ..."),
    )
    if buzz is not None and buzz.sentence:
        tell(f"audiostyle: {buzz.sentence}", stream=sys.stderr)
    tell(f"Listen to {target}.")
    return 0


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InputError(f"--round was given {text!r}, but takes the number of a round.") from None
