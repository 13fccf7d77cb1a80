"""``audiostyle demo``: a transfer that needs no file and no download, in a few minutes."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from audiostyle.command import transfer
from audiostyle.command.options import Parser
from audiostyle.command.terminal import tell
from audiostyle.errors import InputError
from audiostyle.invocation import invocation

__all__ = ["add_parser", "transfer_arguments"]

_SECONDS = 5
# Four is three rounds (D5): about 123 evaluations, after which the picture changes little.
_ITERATIONS = 4


def add_parser(subparsers: Any) -> None:
    """Add the ``demo`` subcommand."""
    parser = subparsers.add_parser(
        "demo",
        help="hear something in a few minutes: synthetic clips, random network",
        description="Make two synthetic clips, a rock-like and a reggae-like one, and transfer the style of the second "
        "to the first with a random VGG-19. Nothing is fetched. What an earlier demo left in the folder is replaced.",
    )
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", default="demo_output", help="folder of the results (default: %(default)s)"
    )
    parser.add_argument("--quiet", action="store_true", help="print warnings and errors only")
    parser.set_defaults(run=_run)


def transfer_arguments(content: str, style: str, output: str) -> list[str]:
    """Return the ``transfer`` command that the demo stands for, to be run and to be shown."""
    length = ["--duration", str(_SECONDS), "--iterations", str(_ITERATIONS)]
    return [content, style, "--rowac", "--colac", "--weights", "random", *length, "-o", output]


def _run(args: argparse.Namespace) -> int:
    from audiostyle.demo.clips import write_clips

    output = Path(args.output)
    _refuse_another_run(output)
    content, style = write_clips(output / "clips", _SECONDS)
    arguments = transfer_arguments(str(content), str(style), args.output)
    if not args.quiet:
        tell(
            f"Two synthetic clips of {_SECONDS} s, rock and reggae, are in {output / 'clips'}.",
            "The network is a random VGG-19 made from a seed. These are not the ImageNet weights that the paper used: "
            "the method is the same, the sound is not the paper's.",
            f"This is: {invocation('transfer')} {shlex.join(arguments)}",
            "",
        )
    status = transfer.transfer(_parsed([*arguments, "--overwrite", *["--quiet"] * args.quiet]), tuple(sys.argv))
    if status == 0 and not args.quiet:
        tell(*_what_next(output))
    return status


def _refuse_another_run(output: Path) -> None:
    """Raise InputError where the folder holds a run that no demo made: it is not to be replaced unasked."""
    if (output / "run.json").exists() and not (output / "clips" / "rock.wav").exists():
        raise InputError(
            f"The folder {str(output)!r} holds a run that is not a demo's; choose another folder with -o, or remove it."
        )


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = Parser(prog="audiostyle")
    transfer.add_parser(parser.add_subparsers())
    return parser.parse_args(["transfer", *arguments])


def _what_next(output: Path) -> list[str]:
    clips, transfer_command = output / "clips", invocation("transfer")
    return [
        "",
        f"Hear:  {clips / 'rock.wav'} (content), {clips / 'reggae.wav'} (style), {output / 'output.wav'} (the result)",
        f"See:   {output / 'mel.png'}, {output / 'row_autocorrelation.png'} (rhythm), {output / 'losses.png'}",
        "Next:  your own clips, 10 s of each, still with the random network (it says at the start how long it takes):",
        f"         {transfer_command} CONTENT.wav STYLE.wav --rowac --colac --weights random -o out",
        "       the paper's sound needs the ImageNet weights: vgg19_weights/README.md says how to get them; then",
        f"       leave --weights random out.  {transfer_command} --help shows everything else.",
    ]
