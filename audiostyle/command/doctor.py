"""``audiostyle doctor``: what a transfer needs of this machine, and what to do about what is missing."""

import argparse
import dataclasses
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

from audiostyle.command.terminal import counted, show
from audiostyle.network.gpu.device import Finding, device_findings, resolve_device

__all__ = ["add_parser", "examine"]

_WIDTH = 118
_INDENT = " " * 25


def add_parser(subparsers: Any) -> None:
    """Add the ``doctor`` subcommand."""
    parser = subparsers.add_parser(
        "doctor",
        help="say what a device needs, what is there, and what to do about the rest",
        description="Look at everything a transfer needs, and run a small network on the device. Each line is ok, a "
        "note (nothing that stops the device asked for) or a problem with its remedy; the exit status is 1 if there "
        "is a problem.",
    )
    parser.add_argument(
        "--device", default="auto", metavar="NAME",
        help="the device that is to be used: cpu, cuda, cuda0, opencl0:0 or auto (default: %(default)s)",
    )  # fmt: skip
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    problems = 0
    for finding in examine(args.device):
        show(*_lines(finding).split("\n"))
        sys.stdout.flush()
        problems += finding.state == "problem"
    if problems:
        show("", f"{counted(problems, 'problem')}: see the remedies above.")
    return 1 if problems else 0


def examine(name: str) -> Iterator[Finding]:
    """Look at everything, the device asked for last, and yield each finding as it is made.

    Parameters
    ----------
    name : str
        A device, or ``auto``.

    Raises
    ------
    InputError
        If there is no such device.
    """
    from audiostyle.doctor.blas_speed import blas_findings
    from audiostyle.doctor.software import software_findings

    device = resolve_device(name)
    meaning = f"{device}, which auto stands for here" if name == "auto" else device
    yield Finding("asked for", "ok", meaning)
    broken = False
    for findings in (software_findings(), blas_findings(), _devices(device)):
        for finding in findings:
            broken |= finding.state == "problem"
            yield finding
    if broken:
        yield Finding("trial", "note", f"not made: nothing can run on {device} before the problems are mended")
    else:
        from audiostyle.network.gpu.trial import trial_finding

        yield trial_finding(device)


def _devices(asked: str) -> Iterator[Finding]:
    """Look at CUDA and OpenCL; what is missing for a device that was not asked for is only a note."""
    seen: set[str] = set()
    for device in ("cuda", "opencl0:0"):
        kind = device[:4]
        wanted = asked.startswith(kind)
        for finding in device_findings(asked if wanted else device):
            if finding.subject in seen:
                continue
            seen.add(finding.subject)
            # pygpu is looked at with CUDA, but OpenCL needs it as well.
            if finding.state == "problem" and not wanted and not (finding.subject == "pygpu" and asked != "cpu"):
                finding = dataclasses.replace(finding, state="note")
            yield finding


def _lines(finding: Finding) -> str:
    """Return a finding as the lines that are printed."""
    text = textwrap.fill(
        f"{finding.state:<9}{finding.subject:<16}{finding.text}",
        _WIDTH,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    if finding.remedy:
        text += "\n" + textwrap.fill(
            f"remedy: {finding.remedy}.",
            _WIDTH,
            initial_indent=_INDENT,
            subsequent_indent=_INDENT,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return text
