"""Compiles the stubs of CUDA's libraries under the names that libgpuarray opens."""

import subprocess
from pathlib import Path

__all__ = ["build_stub"]


def build_stub(name, folder, soname=""):
    """Compile ``NAME.c`` to ``NAME.so`` (or to `soname`) in a folder and return the file."""
    target = folder / (soname or f"{name}.so")
    source = Path(__file__).with_name(f"{name}.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", target, source], check=True)
    return target
