"""The command line: finds the subcommand, turns errors into a sentence and an exit status."""

import importlib
import os
import sys
from collections.abc import Sequence

from audiostyle import __version__
from audiostyle.command.options import Parser
from audiostyle.command.surroundings import check_surroundings
from audiostyle.errors import AudioStyleError
from audiostyle.network.blas import choose_blas_kernels

__all__ = ["main"]

# Subcommand modules, in the order that --help shows them; each has add_parser(subparsers).
_COMMANDS = ("transfer", "demo", "weights", "stages", "compare", "evaluate", "reproduce", "doctor")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``audiostyle ARGUMENTS`` and return the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; by default those of the process.

    Returns
    -------
    int
        0 success, 1 a failed run, 2 bad input, 130 Ctrl-C, 143 SIGTERM.
    """
    _print_anything()
    choose_blas_kernels()
    try:
        parser = Parser(
            prog="audiostyle",
            description="Artistic style transfer for music data (Coleman, Penco, Porisky, 2017): the content of one "
            "clip in the style of another.",
        )
        parser.add_argument("--version", action="version", version=f"audiostyle {__version__}")
        subparsers = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
        for name in _COMMANDS:
            importlib.import_module(f"audiostyle.command.{name}").add_parser(subparsers)
        args = parser.parse_args(arguments)
        check_surroundings()
        status: int = args.run(args)
        sys.stdout.flush()
        return status
    except AudioStyleError as error:
        print(f"audiostyle: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt as interrupt:
        print("audiostyle: Interrupted; no file was left half-written.", file=sys.stderr)
        return getattr(interrupt, "exit_status", 130)
    except BrokenPipeError:
        # The reader of our output (head, less) has gone: not an error, but Python would report it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        sentence = _trouble_of_the_cache(error)
        if not sentence:
            raise
        print(f"audiostyle: {sentence}", file=sys.stderr)
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


def _print_anything() -> None:
    """Let file names that are not valid text be printed instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
