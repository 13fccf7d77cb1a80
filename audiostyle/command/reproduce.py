"""``audiostyle reproduce``: the paper's experiments, figures and numbers by one command."""

import argparse
import dataclasses
import functools
import os
import shlex
import sys
import textwrap
from pathlib import Path
from typing import Any

from audiostyle.command.options import ExamplesHelp, add_setting_options, settings_from
from audiostyle.command.terminal import tell
from audiostyle.errors import InputError

__all__ = ["add_parser", "run"]

_NAMES = ("3a", "3b", "3c", "3d")
# Names under which the paper's clips are around: as the authors published them, and as GTZAN has them.
_CONTENT = ("rock17.wav", "rock.00017.wav", "rock.00017.au")
_STYLE = ("reggae07.wav", "reggae.00007.wav", "reggae.00007.au")
# Three seconds and three rounds (D5) of each.
_QUICK: dict[str, Any] = {"duration": 3.0, "iterations": 4}
# The metrics need 1 s of a result, which inversion makes 0.05 s shorter than the clip (T10).
_LEAST_SECONDS = 1.1


def add_parser(subparsers: Any) -> None:
    """Add the ``reproduce`` subcommand."""
    parser = subparsers.add_parser(
        "reproduce",
        help="the paper's four experiments, its figures, and a report with numbers",
        description="Run the paper's four experiments (3a spectrogram, 3b mel, 3c with row autocorrelation, 3d with "
        "row and column autocorrelation), draw its Figures 1 to 4, measure everything, and write results.json and the "
        "page report.html. What is finished in FOLDER is not run again, what was interrupted is resumed.",
        formatter_class=ExamplesHelp,
        epilog=textwrap.dedent(
            """\
            examples:
              audiostyle reproduce -o paper                              rock17.wav and reggae07.wav are here
              audiostyle reproduce --content a.wav --style b.wav --quick --weights random -o try
              audiostyle reproduce --demo --quick -o try                 no file needed"""
        ),
    )
    parser.add_argument("--content", metavar="FILE", help="the content clip (default: rock17.wav, if it is here)")
    parser.add_argument("--style", metavar="FILE", help="the style clip (default: reggae07.wav, if it is here)")
    parser.add_argument("--demo", action="store_true", help="use synthetic clips and, unless given, random weights")
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", default="reproduction", help="folder of the results (default: %(default)s)"
    )
    parser.add_argument("--only", metavar="3a,3b,...", help="run these experiments only (default: all four)")
    parser.add_argument(
        "--quick", action="store_true", help="3 s of each clip and three rounds: all four in a few minutes"
    )
    parser.add_argument(
        "--stages",
        action="store_true",
        help="write the stage file of each experiment too (docs/stages.md): with results.json the baseline for a port",
    )
    parser.add_argument(
        "--bundle",
        metavar="FOLDER",
        help="make one folder to be published too: results, stage files (as by --stages), sounds, claims, checksums "
        "and a description for programs (RO-Crate)",
    )
    parser.add_argument(
        "--weights", metavar="FILE", help="VGG-19 weights in any known form, or the word random "
        "(default: vgg19_weights/vgg19_normalized.pkl)"
    )  # fmt: skip
    parser.add_argument("--yes", action="store_true", help="fetch missing weights without asking")
    parser.add_argument("--quiet", action="store_true", help="print warnings and errors only")
    add_setting_options(parser, flags=False)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run what is not finished, then write figures, numbers and the page.

    Returns
    -------
    int
        Exit status.
    """
    names, settings = _chosen(args), _settings(args)
    clips = None if args.demo else _clips(args)
    if args.demo and (args.content or args.style):
        raise InputError("--demo makes its own clips, so --content and --style cannot be given with it.")

    from audiostyle.command.interrupt import graceful_signals
    from audiostyle.command.obtain import find_weights
    from audiostyle.files import check_new_folder
    from audiostyle.study.reproduce.bundle import write_bundle
    from audiostyle.study.reproduce.experiments import Plan, finished_run, run_experiment
    from audiostyle.study.reproduce.write_up import prepare_folder, write_reproduction, write_stage_file

    with graceful_signals():
        if args.bundle:
            check_new_folder(args.bundle, "The bundle")
        prepare_folder(args.output)
        if clips is None:
            from audiostyle.demo.clips import write_clips

            made = write_clips(Path(args.output) / "clips", settings.duration + 1)
            clips = os.fspath(made[0]), os.fspath(made[1])
        interactive = sys.stdin is not None and sys.stdin.isatty() and not args.quiet
        asked = args.weights or ("random" if args.demo else None)
        weights = os.fspath(find_weights(asked, args.yes, interactive, input))
        plan = Plan(*clips, weights, args.output, settings, tuple(sys.argv))
        # A run of something else in one of the folders is found before hours are spent on another.
        done = [name for name in names if finished_run(plan, name) is not None]
        for name in names:
            if name in done:
                _say(args, f"{name} is finished; it is not run again.")
                continue
            _say(args, "", f"Experiment {name}")
            status = _run_one(args, functools.partial(run_experiment, plan, name))
            if status:
                return status
        if args.stages or args.bundle:
            for name in names:
                _say(args, f"Writing {os.path.join(args.output, name, 'stages.h5')} ...")
                write_stage_file(plan, name)
        finished = [name for name in _NAMES if finished_run(plan, name) is not None]
        report = write_reproduction(plan, finished, lambda text: _say(args, f"{text} ..."))
        if args.bundle:
            _say(args, "Making the bundle ...")
            write_bundle(args.bundle, args.output, finished)
            _say(args, f"{args.bundle} is the folder to publish; its README.md says what of it holds the clips.")
    _say(args, f"Open {report} in a browser; results.json beside it has the numbers, figure1.png to figure4.png the "
         "paper's figures.")  # fmt: skip
    return 0


def _run_one(args: argparse.Namespace, experiment: Any) -> int:
    """Run one experiment under signals of its own, so that each can be ended well; return 0 or the exit status."""
    from audiostyle.command.interrupt import graceful_signals
    from audiostyle.command.progress import ProgressReporter, QuietReporter

    with graceful_signals() as interruption:
        outcome = experiment(QuietReporter() if args.quiet else ProgressReporter(), interruption)
    if not outcome.signal:
        return 0
    tell(
        f"audiostyle: Interrupted after round {outcome.rounds} of {shlex.quote(outcome.folder)}; give the same command "
        "again to go on from there.",
        stream=sys.stderr,
    )
    return 128 + int(outcome.signal)


def _chosen(args: argparse.Namespace) -> tuple[str, ...]:
    if args.only is None:
        return _NAMES
    asked = [name.strip() for name in args.only.split(",") if name.strip()]
    if not asked or set(asked) - set(_NAMES):
        raise InputError(f"--only was given {args.only!r}, but takes some of {', '.join(_NAMES)}, separated by commas.")
    return tuple(name for name in _NAMES if name in asked)


def _settings(args: argparse.Namespace) -> Any:
    """Return the settings of 3b, of which the others are made."""
    if args.spec or args.rowac or args.colac:
        raise InputError("The experiments decide about --spec, --rowac and --colac themselves; choose some by --only.")
    from audiostyle.settings import preset

    base = preset(args.preset or "released")
    if args.quick:
        base = dataclasses.replace(base, **_QUICK)
    args.preset = None
    settings = settings_from(args, base)
    if settings.duration < _LEAST_SECONDS:
        raise InputError(
            f"The duration is {settings.duration:g} s, but results, which are a little shorter than the clips, can be "
            f"measured from 1 s on; use --duration {_LEAST_SECONDS:g} or more."
        )
    if settings.representation == "spectrogram":
        raise InputError("Only 3a is about spectrograms; --only 3a runs it, without --representation spectrogram.")
    return settings


def _clips(args: argparse.Namespace) -> tuple[str, str]:
    content = args.content or next((name for name in _CONTENT if os.path.isfile(name)), None)
    style = args.style or next((name for name in _STYLE if os.path.isfile(name)), None)
    for given, missing, path in (("--content", "--style", style), ("--style", "--content", content)):
        if path is None and (args.content or args.style):
            raise InputError(
                f"{given} was given, and {missing}? Both clips are needed, or --demo, which makes its own."
            )
    if content is None or style is None:
        raise InputError(
            "The paper's clips, rock17.wav and reggae07.wav (GTZAN's rock.00017 and reggae.00007), are not in this "
            "folder; give them, or others, by --content FILE and --style FILE, or try --demo."
        )
    for path in (content, style):
        if not os.path.lexists(path):
            raise InputError(f"There is no file {path!r}; check the name of the clip.")
    return content, style


def _say(args: argparse.Namespace, *lines: str) -> None:
    if not args.quiet:
        tell(*lines)
