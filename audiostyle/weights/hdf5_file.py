"""HDF5 files: Keras' VGG-19 (with or without the dense layers) and this program's own form."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from audiostyle.errors import InputError, RunError
from audiostyle.weights.numpy_file import MAX_MEMBER_BYTES, read_array
from audiostyle.weights.parameters import Found, assemble
from audiostyle.weights.zip_file import Archive

__all__ = ["HDF5_MAGIC", "MEANS", "OTHER", "OWN_FORMAT", "RECORD", "read_hdf5"]

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"

# The root attribute `format` of files written by audiostyle.weights.save, and the group of mean activations.
OWN_FORMAT = "audiostyle vgg19 weights 1"
MEANS = "mean_activations"

# What audiostyle.weights.hdf5_child sends beside the arrays: the file's record, and other layers' names.
RECORD = "record"
OTHER = "other "

# A file that makes the library run is stopped by the child's own limit; this is for one that makes it wait.
_MAX_SECONDS = 120


def read_hdf5(data: bytes, where: str) -> Found:
    """Read the sixteen layers of an HDF5 file, in a process of its own.

    Parameters
    ----------
    data : bytes
        The file.
    where : str
        What to call it in an error.

    Raises
    ------
    InputError
        If it is damaged, refers to other files, or is not VGG-19.
    RunError
        If the process cannot read any file.
    """
    archive = Archive(_run_child(data, where), where)
    found: dict[str, Any] = {}
    others = []
    record: dict[str, str] = {}
    for member in archive.names:
        name, content = member.removesuffix(".npy"), archive.read(member, MAX_MEMBER_BYTES)
        if name == RECORD:
            record = json.loads(read_array(content, where).tobytes())
        elif name.startswith(OTHER):
            others.append(name.removeprefix(OTHER))
        else:
            found[name] = read_array(content, where)
    own = record.get("format") == OWN_FORMAT
    return Found("AudioStyle .h5" if own else "Keras .h5", assemble(found, others, where), fixed=own, record=record)


def _run_child(data: bytes, where: str) -> bytes:
    """Return what the reading process writes, or raise its error."""
    repository = str(Path(__file__).resolve().parents[2])
    try:
        child = subprocess.run(
            [sys.executable, "-m", "audiostyle.weights.hdf5_child"],
            input=data,
            capture_output=True,
            timeout=_MAX_SECONDS,
            cwd=repository,
            # One thread, because each takes memory of which the child has little.
            env={**os.environ, "PYTHONPATH": repository, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            # Ctrl-C is for this process to handle.
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _damaged(where, "reading it takes for ever") from None
    if child.returncode == 0:
        return child.stdout
    if child.returncode in (2, 3):
        raise _damaged(where, child.stderr.decode("utf-8", "replace"))
    if child.returncode < 0:
        raise _damaged(where, "the HDF5 library crashed on it or took too long")
    reason = (child.stderr.decode("utf-8", "replace").splitlines() or ["no reason given"])[-1]
    raise RunError(f"HDF5 files cannot be read here: {reason[:200]}; `make` sets up the packages that are needed.")


def _damaged(where: str, what: str) -> InputError:
    return InputError(
        f"{where} is an HDF5 file, but not a readable one of VGG-19 ({what}); it is damaged or something else, "
        "so fetch or copy it again."
    )
