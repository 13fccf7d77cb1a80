"""The command line: finds the subcommand, turns errors into a sentence and an exit status."""

import errno
import importlib
import sys
from collections.abc import Sequence

from audiostyle.command.completion import SHELLS, PrintCompletion
from audiostyle.command.interrupt import graceful_signals
from audiostyle.command.options import Parser
from audiostyle.command.surroundings import check_surroundings
from audiostyle.command.terminal import open_streams, silence, tell
from audiostyle.errors import AudioStyleError
from audiostyle.files import reason
from audiostyle.network.blas import choose_blas_kernels
from audiostyle.version import __version__

__all__ = ["main"]

# Subcommand modules, in the order that --help shows them; each has add_parser(subparsers).
_COMMANDS = (
    "transfer",
    "render",
    "demo",
    "weights",
    "stages",
    "compare",
    "evaluate",
    "reproduce",
    "listening",
    "pairs",
    "batch",
    "worker",
    "doctor",
)
# How a full disk or a terminal that has gone refuses what is printed.
_STREAM_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``audiostyle ARGUMENTS`` and return the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; by default those of the process.

    Returns
    -------
    int
        0 success, 1 a failed run, 2 bad input, 129 SIGHUP, 130 Ctrl-C, 143 SIGTERM.
    """
    open_streams()
    choose_blas_kernels()
    try:
        with graceful_signals():
            status = _run(arguments)
            sys.stdout.flush()
            return status
    except AudioStyleError as error:
        tell(f"audiostyle: {error}", stream=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt as interrupt:
        tell("audiostyle: Interrupted; no file was left half-written.", stream=sys.stderr)
        return getattr(interrupt, "exit_status", 130)
    except BrokenPipeError:
        # The reader of our output (head, less) has gone: not an error, but Python would report it at exit.
        silence(sys.stdout)
        return 1
    except OSError as error:
        # What concerns a file has its name, or is an AudioStyleError by now.
        if error.filename is not None or error.errno not in _STREAM_ERRORS:
            raise
        silence(sys.stdout)
        tell(f"audiostyle: The output could not be written: {reason(error)}.", stream=sys.stderr)
        return 1
    except Exception as error:
        sentence = _trouble_of_the_cache(error)
        if not sentence:
            raise
        tell(f"audiostyle: {sentence}", stream=sys.stderr)
        return 1


def _trouble_of_the_cache(error: Exception) -> str:
    """Return what to say of an error that Theano or a compiler raises where their folder is full or gone."""
    if "theano" not in sys.modules and not isinstance(error, OSError):
        return ""
    from audiostyle.network.start import compile_folder
    from audiostyle.network.theano_cache import disk_trouble

    try:
        return disk_trouble(error, compile_folder())
    except AudioStyleError as trouble:
        return str(trouble)


def _run(arguments: Sequence[str] | None) -> int:
    """Find the subcommand and run it."""
    parser = Parser(
        prog="audiostyle",
        description="Artistic style transfer for music data (Coleman, Penco, Porisky, 2017): the content of one "
        "clip in the style of another.",
    )
    parser.add_argument("--version", action="version", version=f"audiostyle {__version__}")
    parser.add_argument(
        "--print-completion",
        action=PrintCompletion,
        choices=SHELLS,
        help="print a script by which a shell completes commands, options and files; needs the package shtab",
    )
    subparsers = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    for name in _COMMANDS:
        importlib.import_module(f"audiostyle.command.{name}").add_parser(subparsers)
    given = sys.argv[1:] if arguments is None else list(arguments)
    if not given:
        parser.print_help()
        return 0
    try:
        args = parser.parse_args(given)
    except SystemExit as end:
        # --help, --version and --list-settings have been answered.
        return int(end.code or 0)
    check_surroundings()
    status: int = args.run(args)
    return status
