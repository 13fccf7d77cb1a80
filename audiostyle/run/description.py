"""What is run on what, with what: how a run describes itself in its archive and in ``run.json``."""

import contextlib
import dataclasses
import importlib.metadata
import os
import platform
from typing import TYPE_CHECKING, Any

from audiostyle.files import sha256_of_file
from audiostyle.run.request import Request
from audiostyle.version import __version__

if TYPE_CHECKING:
    from audiostyle.network.start import Backend
    from audiostyle.weights.load import Weights

__all__ = ["describe_machine", "describe_run", "describe_versions", "fault_of_description", "misfit"]

_PACKAGES = ("numpy", "scipy", "Theano", "Lasagne", "librosa", "soundfile", "h5py", "matplotlib")
# Of no type that a shape names, unlike None.
_MISSING = object()
# The shape of a description: names, and the types of what they name.
_CLIP = {"path": str, "name": str, "sha256": str}
_DESCRIPTION: dict[str, Any] = {
    "command_line": list,
    "settings": dict,
    "inputs": {"content": _CLIP, "style": _CLIP},
    "weights": {"path": str, "form": str, "normalised": bool, "sha256": str, "file_sha256": (str, type(None))},
    "machine": {"device": str, "convolution": str, "threads": int, "blas": str},
    "versions": dict,
}


def describe_run(
    request: Request, weights: "Weights", backend: "Backend", convolution: str | None = None
) -> dict[str, Any]:
    """Say what is run on what, for the archive and for ``run.json``.

    Parameters
    ----------
    request : Request
        The clips and the settings.
    weights : Weights
        The network's weights.
    backend : Backend
        What Theano was started with.
    convolution : str, optional
        The convolution that ``auto`` became.

    Returns
    -------
    dict
        ``command_line``; ``settings``; ``inputs`` with ``path``, ``name`` and ``sha256`` of ``content``, ``style`` and,
        if an earlier run is started from, ``start``; ``weights`` with ``path``, ``form``, ``normalised``,
        ``sha256`` (of the arrays) and ``file_sha256``; ``machine``; ``versions``.  Only what JSON has.

    Raises
    ------
    InputError
        If a clip cannot be read any more.
    """
    settings = dataclasses.asdict(request.settings)
    files = {"content": request.content, "style": request.style}
    if request.start_from:
        files["start"] = os.path.join(request.start_from, "run.h5")
    return {
        "command_line": list(request.command_line),
        "settings": {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()},
        "inputs": {role: _describe_file(path) for role, path in files.items()},
        "weights": {
            "path": request.weights if weights.file_sha256 is None else os.path.abspath(request.weights),
            "form": weights.form,
            "normalised": weights.normalised,
            "sha256": weights.sha256,
            "file_sha256": weights.file_sha256,
        },
        "machine": {
            "device": backend.device,
            "convolution": convolution or request.settings.convolution,
            "threads": backend.threads,
            "blas": backend.blas,
            **describe_machine(),
        },
        "versions": describe_versions(),
    }


def fault_of_description(value: Any) -> str | None:
    """Say what is wrong with a description that was read from a file, which anybody may have made, or None.

    Names and types are checked, that paths are such as a system can have, and that what is free in it is flat:
    numbers, texts, and lists of these.  Which settings there are is for the settings to check.
    """
    if fault := misfit(value, _DESCRIPTION, "the description"):
        return fault
    inputs = value["inputs"]
    if "start" in inputs and (fault := misfit(inputs["start"], _CLIP, "start")):
        return fault
    files = [inputs[role] for role in ("content", "style", "start") if role in inputs]
    for path in [one["path"] for one in (*files, value["weights"])]:
        try:
            possible = "\0" not in path and len(os.fsencode(path)) > 0
        except UnicodeEncodeError:
            possible = False
        if not possible:
            return f"no file can be called {path!r:.60}"
    groups = [value[name] for name in ("settings", "machine", "versions")]
    if not isinstance(resumed := value.get("resumed", []), list):
        return "resumed is no list"
    items = [item for group in groups for inner in group.values() for item in _listed(inner)]
    if any(isinstance(item, (dict, list)) for item in [*items, *value["command_line"]]):
        return "a setting or a fact about the machine is neither a number nor a text"
    return None if all(isinstance(time, dict) for time in resumed) else "resumed is no list of times"


def describe_versions() -> dict[str, str]:
    """Return the versions of Python, of this package and of those it stands on, none of them imported."""
    versions = {"audiostyle": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package.lower()] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package.lower()] = "not installed"
    return versions


def describe_machine() -> dict[str, Any]:
    """Return the platform, the processor's name and the number of cores this process may use."""
    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as stream:
        names = (line.partition(":")[2].strip() for line in stream if line.startswith("model name"))
        processor = next(names, processor)
    return {"platform": platform.platform(), "cpu": processor, "cores": len(os.sched_getaffinity(0))}


def misfit(value: Any, shape: Any, name: str) -> str | None:
    """Compare a value with a type, or a dictionary of them, and say where it first differs."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return f"{name} is no dictionary"
        return next(filter(None, (misfit(value.get(key, _MISSING), inner, key) for key, inner in shape.items())), None)
    # To Python, True is a whole number.
    fits = isinstance(value, shape) and (shape is not int or not isinstance(value, bool))
    return None if fits else f"{name} is missing or of another kind"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _describe_file(path: str | os.PathLike[str]) -> dict[str, str]:
    # Absolute, so that a run can be resumed from another working folder.
    whole = os.path.abspath(os.fspath(path))
    return {"path": whole, "name": os.path.basename(whole), "sha256": sha256_of_file(path)}
