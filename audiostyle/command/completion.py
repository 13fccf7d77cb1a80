"""``audiostyle --print-completion bash``: what a shell needs to complete commands, options and choices."""

import argparse
from collections.abc import Iterator
from typing import Any

from audiostyle.errors import InputError

__all__ = ["SHELLS", "PrintCompletion"]

SHELLS = ("bash", "zsh")


class PrintCompletion(argparse.Action):
    """Prints the script for a shell, which the package shtab makes from the parser, and exits."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        """Print it."""
        try:
            import shtab  # type: ignore[import-not-found,unused-ignore]
        except ImportError as error:
            raise InputError(
                "The completion is made by the package shtab; install it, by pip install shtab."
            ) from error
        for action in _with_values(parser):
            action.complete = shtab.FILE
        print(shtab.complete(parser, values))
        parser.exit()


def _with_values(parser: argparse.ArgumentParser) -> Iterator[Any]:
    """Yield the arguments of all commands whose value may be a file."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _with_values(inner)
        elif action.choices is None and action.nargs != 0:
            yield action
