"""Command-line options that become :class:`~audiostyle.settings.Settings`, shared by the subcommands.

Every option's default and meaning come from the settings dataclass, so that they cannot drift.  Options
are applied in the order preset, ``--set``, then the option itself.
"""

import argparse
import dataclasses
from collections.abc import Sequence
from typing import Any, NoReturn

from audiostyle.command.terminal import show
from audiostyle.errors import InputError
from audiostyle.settings import PRESETS, Settings, describe_settings, preset
from audiostyle.settings.nearest import did_you_mean

__all__ = [
    "ExamplesHelp",
    "Parser",
    "add_setting_options",
    "chosen_settings",
    "parse_assignments",
    "settings_from",
]

# Option -> settings field, in the order that --help shows them.
_VALUE_OPTIONS = {
    "--duration": "duration",
    "--offset-content": "offset_content",
    "--offset-style": "offset_style",
    "--representation": "representation",
    "--iterations": "iterations",
    "--max-evaluations": "max_evaluations",
    "--content-weight": "content_weight",
    "--style-weight": "style_weight",
    "--tv-weight": "tv_weight",
    "--row-weight": "row_weight",
    "--column-weight": "column_weight",
    "--row-target": "row_target",
    "--column-target": "column_target",
    "--ac-layers": "ac_layers",
    "--ac-layer-weights": "ac_layer_weights",
    "--seed": "seed",
    "--device": "device",
    "--convolution": "convolution",
    "--threads": "threads",
}


class ExamplesHelp(argparse.RawDescriptionHelpFormatter):
    """Leaves the examples at the end as they are, and wraps everything else."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith("examples:"):
            return super()._fill_text(text, width, indent)
        return argparse.HelpFormatter._fill_text(self, text, width, indent)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one sentence with exit status 2, as all others are."""

    def error(self, message: str) -> NoReturn:
        """Raise InputError instead of printing the usage and exiting."""
        end = "" if message.endswith("?") else ";"
        raise InputError(
            f"The command line cannot be understood: {message}{end} {self.prog} --help shows what it takes."
        )

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and let a subcommand refuse itself what it does not know: its own --help is the one that helps."""
        self.given = args
        known, rest = super().parse_known_args(args, namespace)
        if rest:
            options = [option for action in self._actions for option in action.option_strings]
            hint = next((did_you_mean(word.split("=")[0], options) for word in rest if word.startswith("-")), "")
            self.error(f"{' '.join(rest)} is not known{hint}")
        return known, rest

    def _print_message(self, message: str, file: Any = None) -> None:
        # argparse drops what the stream has against it, and a full disk is worth a sentence.
        print(message, end="", file=file)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            choices = list(action.choices)
            said = f"{value!r} is not one of {', '.join(map(str, choices))}"
            raise argparse.ArgumentError(action, said + did_you_mean(value, choices))


class _ListSettings(argparse.Action):
    def __init__(self, option_strings: list[str], dest: str, **kwargs: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **kwargs)

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        # What stands behind this option counts too, and clips and files need not be there.
        alone = Parser(prog=parser.prog, add_help=False, allow_abbrev=False)
        _add_what_is_computed(alone)
        args, _ = argparse.ArgumentParser.parse_known_args(alone, parser.given)
        show(*describe_settings(settings_from(args)).split("\n"))
        parser.exit()


def add_setting_options(parser: argparse.ArgumentParser, flags: bool = True) -> None:
    """Add ``--preset``, ``--set``, ``--list-settings``, the authors' flags and the options above.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    flags : bool
        Whether ``--help`` shows the authors' ``--spec``, ``--rowac`` and ``--colac``; they are known in any case.
    """
    _add_what_is_computed(parser, flags).add_argument(
        "--list-settings",
        action=_ListSettings,
        help="print every setting with its value on this command line and its meaning, and exit",
    )


def _add_what_is_computed(parser: argparse.ArgumentParser, flags: bool = True) -> Any:
    group = parser.add_argument_group("what is computed")
    group.add_argument(
        "--preset",
        choices=tuple(PRESETS),
        help="released: what the authors' code does; paper: what the paper's text says; corrected: the audible "
        "faults mended; listening: what is best to hear, as far as it is known (default: released)",
    )
    for option, words in (
        ("--spec", "transfer spectrogram images instead of mel images"),
        ("--rowac", "match the row autocorrelation (rhythm)"),
        ("--colac", "match the column autocorrelation (harmony)"),
    ):
        group.add_argument(option, action="store_true", help=words if flags else argparse.SUPPRESS)
    group.add_argument("--cpu", action="store_true", help="run on the CPU, the same as --device cpu (D11)")
    group.add_argument("--float64", action="store_true", help="64-bit arithmetic in the network: exact and slow")
    fields = {field.name: field for field in dataclasses.fields(Settings)}
    for option, name in _VALUE_OPTIONS.items():
        field = fields[name]
        choices = field.metadata["choices"]
        shown = ",".join(map(str, field.default)) if isinstance(field.default, tuple) else field.default
        group.add_argument(
            option,
            dest=f"setting_{name}",
            metavar=_metavar(field),
            help=field.metadata["help"].replace("%", "%%")
            + (f"; {'any' if isinstance(field.default, tuple) else 'one'} of {', '.join(choices)}" if choices else "")
            + f" (default: {'none' if shown == '' else shown})",
        )
    group.add_argument(
        "--set", dest="assignments", metavar="NAME=VALUE", action="append", default=[], help="change any other setting"
    )
    return group


def _metavar(field: Any) -> str:
    if isinstance(field.default, tuple):
        return "A,B,..."
    return {"int": "N", "float": "X"}.get(type(field.default).__name__, "NAME")


def parse_assignments(assignments: Sequence[str], example: str) -> dict[str, str]:
    """Return what ``--set NAME=VALUE`` was given, by name; `example` is shown to who forgets the sign."""
    chosen: dict[str, str] = {}
    for assignment in assignments:
        name, separator, value = assignment.partition("=")
        if not separator:
            raise InputError(f"--set was given {assignment!r}, but takes NAME=VALUE, such as --set {example}.")
        chosen[name.strip()] = value
    return chosen


def settings_from(args: argparse.Namespace, base: Settings | None = None) -> Settings:
    """Return the settings that parsed arguments ask for.

    Parameters
    ----------
    args : argparse.Namespace
        Of a parser with :func:`add_setting_options`.
    base : Settings, optional
        What the options change; by default the preset.

    Raises
    ------
    InputError
        If a value is not of its setting's kind or range.
    """
    if base is None:
        base = preset(args.preset or "released")
    elif args.preset is not None:
        base = preset(args.preset)
    return base.with_text(chosen_settings(args))


def chosen_settings(args: argparse.Namespace) -> dict[str, str]:
    """Return what parsed arguments say of settings beside the preset, by name and as text.

    Raises
    ------
    InputError
        If they contradict each other.
    """
    chosen = parse_assignments(args.assignments, "pooling=max")
    if args.spec:
        chosen["representation"] = "spectrogram"
    for flag in ("rowac", "colac"):
        if getattr(args, flag):
            chosen[flag] = "true"
    if args.float64:
        chosen["float_type"] = "float64"
    for name in _VALUE_OPTIONS.values():
        value = getattr(args, f"setting_{name}")
        if value is not None:
            chosen[name] = value
    if args.spec and chosen["representation"] != "spectrogram":
        raise InputError(f"--spec and --representation {chosen['representation']} contradict each other; give one.")
    if args.cpu:
        # auto comes from the Docker image's entry point, before anything the user writes.
        if chosen.get("device", "cpu") not in ("cpu", "auto"):
            raise InputError(f"--cpu and --device {chosen['device']} contradict each other; give one.")
        chosen["device"] = "cpu"
    return chosen
