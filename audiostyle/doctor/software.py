"""Python, the packages, the compiler and the compile cache."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from audiostyle.cache import cache_folder
from audiostyle.errors import AudioStyleError
from audiostyle.network.gpu.device import Finding
from audiostyle.network.start import user_flag

__all__ = ["software_findings"]

# The versions that work, by their beginnings, and why no others do.
_PACKAGES = {
    "numpy": (("1.20.", "1.21.", "1.22.", "1.23."), "Theano 1.0.5 uses names that numpy 1.24 dropped"),
    "scipy": (("1.",), "it is untested"),
    "Theano": (("1.0.5",), "only 1.0.5 runs on Python 3.11"),
    "Lasagne": (("0.1", "0.2"), "it is untested"),
}
_INSTALL = "make the environment anew with make demo, or pip install --require-hashes -r requirements.txt"
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
    if sys.version_info[:2] == (3, 11) and sys.implementation.name == "cpython":
        return Finding("Python", "ok", text)
    return Finding("Python", "problem", f"{text}, but only CPython 3.11 is known to work", "run this with python3.11")


def _package(name: str) -> Finding:
    versions, reason = _PACKAGES[name]
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "problem", "not installed", _INSTALL)
    if version.startswith(versions):
        return Finding(name, "ok", version)
    state: str = "problem" if name in ("numpy", "Theano") else "note"
    return Finding(name, state, f"version {version}: {reason}", _INSTALL)  # type: ignore[arg-type]


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
    chosen = user_flag("base_compiledir")
    try:
        folder = Path(chosen) if chosen else cache_folder() / "theano"
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
