"""Python, the packages, the compiler and the compile cache."""

import importlib.metadata
import itertools
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from audiostyle.errors import AudioStyleError
from audiostyle.network.gpu.device import Finding
from audiostyle.network.start import compile_folder

__all__ = ["software_findings"]

# The oldest version of each that was tried, the first that was not, and whether any other is a problem.
_PACKAGES = {
    "numpy": ((1, 23), (2, 6), True),
    "scipy": ((1, 10), (1, 19), False),
    "Theano": ((1, 0, 5), (1, 0, 6), True),
    "Lasagne": ((0, 1), (0, 3), False),
}
_OLDEST, _NEWEST = (3, 11), (3, 14)
_INSTALL = "make the environment anew with make clean demo, or pip install --require-hashes -r requirements.txt"
_APT = "install it (Debian and Ubuntu: apt install g++ python3-dev)"


def software_findings() -> Iterator[Finding]:
    """Look at what every device needs."""
    yield _python()
    for name in _PACKAGES:
        yield _package(name)
    yield _compiler()
    yield _header()
    yield _cache()


def _python() -> Finding:
    text = f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}"
    if _OLDEST <= sys.version_info[:2] <= _NEWEST and sys.implementation.name == "cpython":
        return Finding("Python", "ok", text)
    return Finding("Python", "problem", f"{text}, but only CPython 3.11 to 3.14 are known to work", "use one of them")


def _package(name: str) -> Finding:
    oldest, untried, matters = _PACKAGES[name]
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "problem", "not installed", _INSTALL)
    if oldest <= _numbers(version) < untried:
        return Finding(name, "ok", version)
    text = f"version {version}, but {_text(oldest)} to before {_text(untried)} are known to work"
    return Finding(name, "problem" if matters else "note", text, _INSTALL)


def _numbers(version: str) -> tuple[int, ...]:
    """Return (1, 0, 5) for ``1.0.5`` and (0, 2) for ``0.2.dev1``."""
    return tuple(map(int, itertools.takewhile(str.isdecimal, version.split("."))))


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _compiler() -> Finding:
    path = shutil.which("g++")
    if path is None:
        return Finding("compiler", "problem", "g++, which compiles Theano's functions, is not on PATH", _APT)
    done = subprocess.run([path, "-dumpfullversion"], capture_output=True, text=True, check=False)
    if done.returncode:
        return Finding("compiler", "problem", f"{path} does not run ({done.stderr.strip()})", _APT)
    return Finding("compiler", "ok", f"g++ {done.stdout.strip()}, {path}")


def _header() -> Finding:
    header = Path(sysconfig.get_paths()["include"]) / "Python.h"
    if header.is_file():
        return Finding("Python.h", "ok", str(header))
    return Finding("Python.h", "problem", f"Theano compiles its functions against {header}, which does not exist", _APT)


def _cache() -> Finding:
    try:
        folder = compile_folder()
    except AudioStyleError as error:
        text, _, remedy = str(error).rstrip(".").partition("; ")
        return Finding("compile cache", "problem", text, remedy)
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
        return Finding(
            "compile cache",
            "problem",
            f"{folder} cannot be written ({existing} is no folder that you may write to)",
            "name a writable folder in the flag base_compiledir or in XDG_CACHE_HOME",
        )
    free = shutil.disk_usage(existing).free / 2**30
    used = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20 if folder.is_dir() else 0
    text = f"{folder}, {used:.0f} MiB used, {free:.1f} GiB free"
    if free < 0.2:
        return Finding("compile cache", "problem", text, "free some space: compiled functions need up to 200 MiB")
    return Finding("compile cache", "ok", text)
