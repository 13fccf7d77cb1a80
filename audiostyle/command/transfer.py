"""``audiostyle transfer CONTENT STYLE``: the paper's main job."""

import argparse
import dataclasses
import os
import shlex
import sys
import textwrap
from typing import Any

from audiostyle.command.interrupt import graceful_signals
from audiostyle.command.options import ExamplesHelp, add_setting_options, settings_from
from audiostyle.command.progress import ProgressReporter, QuietReporter, duration_text
from audiostyle.command.terminal import counted, tell
from audiostyle.errors import InputError
from audiostyle.invocation import checkout, invocation

__all__ = ["add_parser", "transfer"]

_FOLDER = "out"
_MOST_SEEDS = 10000


def add_parser(subparsers: Any) -> None:
    """Add the ``transfer`` subcommand."""
    parser = subparsers.add_parser(
        "transfer",
        help="transfer the style of one clip to another",
        description="Make a clip with the content of CONTENT in the style of STYLE.",
        formatter_class=ExamplesHelp,
        epilog=textwrap.dedent(
            """\
            examples:
              run_transfer.py rock17.wav reggae07.wav --rowac --colac -o out      the paper's Figure 3d
              run_transfer.py rock17.wav reggae07.wav --spec -o out               the paper's Figure 3a
              run_transfer.py a.flac b.mp3 --weights random --iterations 5        a quick try without weights
              run_transfer.py --resume out --iterations 60                        go on with a run, and further"""
        ).replace("run_transfer.py", "run_transfer.py" if checkout() else invocation("transfer")),
    )
    parser.add_argument("content", nargs="?", help="the clip whose content is kept (any sound file)")
    parser.add_argument("style", nargs="?", help="the clip whose style is taken")
    parser.add_argument("-o", "--output", metavar="FOLDER", help=f"folder of the results (default: {_FOLDER})")
    parser.add_argument(
        "--start-from", metavar="FOLDER", default="", help="start from the picture that the run in FOLDER ended with, "
        "with --set start_noise=SHARE of noise in it"
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace a run that is already in the folder")
    parser.add_argument(
        "--resume", metavar="FOLDER", help="go on with the run in FOLDER after its last finished round; its clips, "
        "weights and settings are taken from there unless given again"
    )  # fmt: skip
    parser.add_argument(
        "--seeds", metavar="N", help="run N seeds, from --seed on, each in a folder of its own in FOLDER, and name the "
        "best; the same command goes on where it was interrupted"
    )  # fmt: skip
    parser.add_argument(
        "--weights", metavar="FILE", help="VGG-19 weights in any known form, or the word random "
        "(default: vgg19_weights/vgg19_normalized.pkl)"
    )  # fmt: skip
    parser.add_argument("--yes", action="store_true", help="fetch missing weights without asking")
    parser.add_argument("--quiet", action="store_true", help="print warnings and errors only")
    add_setting_options(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    return transfer(args, tuple(sys.argv))


def transfer(args: argparse.Namespace, command_line: tuple[str, ...]) -> int:
    """Carry out parsed arguments and say where the results are.

    Parameters
    ----------
    args : argparse.Namespace
        As the ``transfer`` parser makes them.
    command_line : tuple of str
        Recorded in ``run.json``.

    Returns
    -------
    int
        Exit status.
    """
    from audiostyle.audio.sound_writer import sound_name
    from audiostyle.run.job import run_transfer

    seeds = None if args.seeds is None else _seeds(args)
    request = dataclasses.replace(_request(args), command_line=command_line)
    reporter = QuietReporter() if args.quiet else ProgressReporter()
    if seeds is not None:
        return _transfer_seeds(request, seeds, reporter, args.quiet)
    with graceful_signals() as interruption:
        outcome = run_transfer(request, reporter, interruption)
    if not args.quiet:
        tell(*_summary(outcome, sound_name(request.settings)))
    if not outcome.signal:
        return 0
    after = f"after round {outcome.rounds} of {request.settings.rounds}" if outcome.rounds else "in the first round"
    tell(
        f"audiostyle: Interrupted {after}; go on with --resume {shlex.quote(outcome.folder)}",
        stream=sys.stderr,
    )
    return 128 + outcome.signal


def _seeds(args: argparse.Namespace) -> int:
    """Return how many seeds are asked for."""
    if args.resume is not None:
        raise InputError("--resume and --seeds contradict each other; give the same command with --seeds again.")
    count = int(args.seeds[:9]) if args.seeds.isascii() and args.seeds.isdigit() else 0
    if not 1 <= count <= _MOST_SEEDS:
        raise InputError(f"--seeds was given {args.seeds!r}, but takes a whole number from 1 to {_MOST_SEEDS}.")
    return count


def _transfer_seeds(request: Any, count: int, reporter: Any, quiet: bool) -> int:
    """Run all seeds, say how each ended, and name the best."""
    from audiostyle.run.seeds import SEEDS_NAME, best_of, run_seeds

    def say(*lines: str) -> None:
        if not quiet:
            tell(*lines)

    with graceful_signals() as interruption:
        results, interrupted = run_seeds(request, count, reporter, interruption, say)
    if interrupted is not None:
        seed = os.path.basename(interrupted.folder)
        tell(f"audiostyle: Interrupted in {seed}; give the same command again to go on from there.", stream=sys.stderr)
        return 128 + interrupted.signal
    best = best_of(results)
    say(
        "",
        *(
            f"seed {one.seed}: loss {one.loss:.6g}, {counted(one.stuck_rows, 'stuck row')} "
            f"({one.stuck_row_index_db:.1f} dB)"
            for one in results
        ),
        f"Best is seed {best.seed}, by the fewest stuck rows and then the lowest loss; its results are in "
        f"{best.folder}, the numbers of all in {os.path.join(request.folder, SEEDS_NAME)}.",
    )
    return 0


def _summary(outcome: Any, name: str) -> list[str]:
    """Say what was done and where the results are."""
    sound = os.path.join(outcome.folder, name)
    listen = f"Listen to {sound}; look at the pictures beside it; run.json says how it was made."
    if not outcome.rounds:
        listen = f"{sound} is not a transfer yet, for no round was finished."
    return [
        f"{counted(outcome.rounds, 'round')}, {counted(outcome.evaluations, 'evaluation')}, loss {outcome.total:.6g}, "
        f"{duration_text(outcome.seconds)}.",
        listen,
    ]


def _request(args: argparse.Namespace) -> Any:
    """Return the Request that parsed arguments stand for."""
    from audiostyle.command.obtain import find_weights
    from audiostyle.run.request import Request

    if args.resume is not None:
        return _resumed(args)
    if args.content is None or args.style is None:
        raise InputError("Two clips are needed, first the content and then the style; --help shows examples.")
    settings = settings_from(args)
    _check_clips(args.content, args.style)
    interactive = sys.stdin is not None and sys.stdin.isatty() and not args.quiet
    weights = find_weights(args.weights, args.yes, interactive, input)
    return Request(
        args.content,
        args.style,
        os.fspath(weights),
        _FOLDER if args.output is None else args.output,
        settings,
        overwrite=args.overwrite,
        start_from=args.start_from,
    )


def _check_clips(*paths: str) -> None:
    """Say that a clip is missing before anything is asked or fetched."""
    for path in paths:
        if not os.path.lexists(path):
            raise InputError(f"There is no file {path!r}; check the name of the clip.")


def _resumed(args: argparse.Namespace) -> Any:
    """Return the Request of the archived run, with what the arguments change."""
    from audiostyle.run.archive import ARCHIVE_NAME, Archive
    from audiostyle.run.request import Request
    from audiostyle.settings import Settings

    its_folder, its_image = "in its own folder", "from its own last image"
    for option, given, how in (
        ("--overwrite", args.overwrite, its_folder),
        ("-o", args.output is not None, its_folder),
        ("--start-from", bool(args.start_from), its_image),
    ):
        if given:
            raise InputError(f"--resume and {option} contradict each other, for a run is resumed {how}.")
    archived = Archive.read(os.path.join(args.resume, ARCHIVE_NAME))
    settings = settings_from(args, base=Settings.from_record(archived.settings))
    inputs = archived.description["inputs"]
    return Request(
        args.content or inputs["content"]["path"],
        args.style or inputs["style"]["path"],
        args.weights or archived.description["weights"]["path"],
        args.resume,
        settings,
        resume=True,
    )
