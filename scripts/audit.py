"""Name the pinned packages that have known faults; ``make audit`` runs it.

Two lists are asked: the package index's, by pip-audit in a throw-away environment, and the repository's own
(``known-faults.toml``), which also says what a fault means here.  Where there is no network, and for what the
index does not answer, the own list is all there is, and that is said.

The exit status is 1 if a pinned package has a fault that the own list does not accept.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import textwrap
import tomllib
import venv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[1]
PINS = ("requirements.txt", "requirements-build.txt", "requirements-dev.txt", "docker/requirements-cuda.txt")
KNOWN = Path(__file__).with_name("known-faults.toml")
PIP_AUDIT = "pip-audit==2.10.1"
_SECONDS = 300

Pin = tuple[str, str]


def pinned(files: Iterable[Path]) -> set[Pin]:
    """Return the packages that the files pin, with their versions; one may have several, for several Pythons."""
    return {
        (match[1], match[2])
        for path in files
        for match in re.finditer(r"^([a-z0-9-]+)==([^\s;\\]+)", path.read_text(), re.MULTILINE)
    }


def own_faults(path: Path, pins: set[Pin]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the own list's faults that pinned packages have, and the names of those that none has any more."""
    found, outdated = [], []
    for fault in tomllib.loads(path.read_text())["fault"]:
        versions = SpecifierSet(fault["versions"])
        hit = sorted(f"{name} {version}" for name, version in pins if name == fault["package"] and version in versions)
        if hit:
            found.append({**fault, "pins": hit})
        else:
            outdated.append(f"{fault['id']} of {fault['package']} {fault['versions']}")
    return found, outdated


def ask_the_index(files: Sequence[Path]) -> dict[str, Any] | None:
    """Return pip-audit's answer for what the files pin for this Python, or None if it gives none."""
    with tempfile.TemporaryDirectory(prefix="audit-") as folder:
        answer = Path(folder, "answer.json")
        ask = ["pip_audit", "--disable-pip", "--require-hashes", "--format", "json", "--output", answer]
        for path in files:
            ask += ["-r", path]
        try:
            venv.create(Path(folder, "venv"), with_pip=True)
            python = Path(folder, "venv", "bin", "python")
            for command in (["pip", "install", "--quiet", PIP_AUDIT], ask):
                # pip-audit's own status says whether there are faults.
                install = command is not ask
                subprocess.run([python, "-m", *command], capture_output=True, timeout=_SECONDS, check=install)
            return json.loads(answer.read_text())
        except (OSError, subprocess.SubprocessError, ValueError):
            return None


def report(pins: set[Pin], known: Path, answer: dict[str, Any] | None) -> tuple[list[str], int]:
    """Return the lines to print and the exit status.

    Parameters
    ----------
    pins : set of (str, str)
    known : pathlib.Path
        The own list.
    answer : dict or None
        What pip-audit says.
    """
    found, outdated = own_faults(known, pins)
    lines, status = [], 0
    for fault in found:
        verdict = "accepted" if fault["accepted"] else "NOT ACCEPTED"
        status |= not fault["accepted"]
        lines += [f"{', '.join(fault['pins'])}: {fault['id']}, {verdict}"]
        lines += textwrap.wrap(" ".join(fault["why"].split()), 110, initial_indent="    ", subsequent_indent="    ")
    ours = {(fault["package"], fault["id"]) for fault in found}
    answered = set()
    for package in (answer or {}).get("dependencies", []):
        if "skip_reason" in package:
            continue
        answered.add((package["name"], package["version"]))
        for fault in package["vulns"]:
            names = [fault["id"], *fault.get("aliases", [])]
            if not any((package["name"], name) in ours for name in names):
                status = 1
                mended = ", ".join(fault.get("fix_versions", [])) or "no version yet"
                title = f"{package['name']} {package['version']}: {' = '.join(names)}"
                lines += [f"{title}, NOT IN {known.name} (mended in {mended})"]
    lines += [f"Of no pinned package any more, to be taken out of {known.name}: {one}" for one in outdated]
    left = len(pins - answered)
    lines += [
        f"{len(pins)} pinned packages: {len(pins) - left} were looked up in the package index"
        + (f", {left} in {known.name} only (no network, no answer, or pinned for another Python)." if left else ".")
    ]
    return lines, status


def main(arguments: Sequence[str] | None = None) -> int:
    """Look, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--offline", action="store_true", help="do not ask the package index")
    args = parser.parse_args(arguments)
    files = [ROOT / name for name in PINS]
    lines, status = report(pinned(files), KNOWN, None if args.offline else ask_the_index(files))
    print("\n".join(lines))
    return status


if __name__ == "__main__":
    sys.exit(main())
