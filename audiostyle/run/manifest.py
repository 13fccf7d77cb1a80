"""``run.json``: what was run on what, with what, how long it took and how it ended."""

import contextlib
import dataclasses
import datetime
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import resource
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import audiostyle
from audiostyle.audio.stuck_rows import Buzz
from audiostyle.errors import InputError
from audiostyle.records import Evaluation, Round
from audiostyle.run.folder import RunFolder, reason, shown

if TYPE_CHECKING:
    from audiostyle.network.start import Backend
    from audiostyle.run.job import Request
    from audiostyle.weights.load import Weights

__all__ = [
    "MANIFEST_NAME",
    "MANIFEST_SCHEMA",
    "Stopwatch",
    "describe_machine",
    "describe_run",
    "describe_versions",
    "peak_memory",
    "sha256_of_file",
    "write_manifest",
]

MANIFEST_NAME = "run.json"
#: Version of the layout of ``run.json``; a change that an older reader would misread raises it.
MANIFEST_SCHEMA = 1
_PACKAGES = ("numpy", "scipy", "Theano", "Lasagne", "librosa", "soundfile", "h5py", "matplotlib")
_BLOCK = 2**20


class Stopwatch:
    """Measures how long the stages of a run take.

    Attributes
    ----------
    started : datetime.datetime
        When it was made.
    seconds : dict of str to float
        Wall-clock time of each stage, in the order of their beginnings; a stage that is entered
        again adds up.
    """

    def __init__(self) -> None:
        self.started = datetime.datetime.now().astimezone()
        self.seconds: dict[str, float] = {}
        self._begun = time.perf_counter()

    @property
    def total(self) -> float:
        """Seconds since it was made."""
        return time.perf_counter() - self._begun

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the block as the stage `name`, also if it raises."""
        self.seconds.setdefault(name, 0.0)
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - begun


def describe_run(
    request: "Request", weights: "Weights", backend: "Backend", convolution: str | None = None
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
        if an earlier run is started from, ``start``;
        ``weights`` with ``path``, ``form``, ``normalised``, ``sha256`` (of the arrays) and
        ``file_sha256``; ``machine``; ``versions``.  Only what JSON has.

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


def write_manifest(
    folder: RunFolder,
    description: dict[str, Any],
    rounds: Sequence[Round],
    evaluations: Sequence[Evaluation],
    watch: Stopwatch,
    signal: int = 0,
    failure: Exception | None = None,
    buzz: Buzz | None = None,
) -> None:
    """Write ``run.json``.

    Parameters
    ----------
    folder : RunFolder
        Where it goes.
    description : dict
        From :func:`describe_run`.
    rounds : sequence of Round
        All finished rounds, those before a resume included.
    evaluations : sequence of Evaluation
        All evaluations, those of an unfinished round included.
    watch : Stopwatch
        The stages of this process.
    signal : int
        The signal that ended the descent early, or 0.
    failure : Exception, optional
        What ended it otherwise.
    buzz : Buzz, optional
        What was measured of the sound.

    Raises
    ------
    RunError
        If the file cannot be written.
    """
    seconds = sum(one.seconds for one in evaluations)
    content = {
        "schema": MANIFEST_SCHEMA,
        "state": "failed" if failure is not None else "interrupted" if signal else "finished",
        "signal": signal,
        "failure": None if failure is None else str(failure),
        "started": watch.started.isoformat(timespec="seconds"),
        "ended": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "seed": description.get("settings", {}).get("seed"),
        **description,
        "rounds": [
            {field.name: getattr(one, field.name) for field in dataclasses.fields(Round) if field.name != "image"}
            for one in rounds
        ],
        "evaluations": len(evaluations),
        "first_loss": _describe_loss(evaluations[0]) if evaluations else None,
        "last_loss": _describe_loss(evaluations[-1]) if evaluations else None,
        "stuck_row_index_db": buzz.index_db if buzz else None,
        "stuck_rows_hertz": list(buzz.hertz) if buzz else None,
        "seconds_per_evaluation": seconds / len(evaluations) if evaluations else None,
        "seconds": {**watch.seconds, "total": watch.total},
        "peak_memory_bytes": peak_memory(),
    }
    text = json.dumps(_plain(content), indent=2, allow_nan=False) + "\n"
    folder.write_bytes(MANIFEST_NAME, text.encode("ascii"))


def describe_versions() -> dict[str, str]:
    """Return the versions of Python, of this package and of those it stands on, none of them imported."""
    versions = {"audiostyle": audiostyle.__version__, "python": platform.python_version()}
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


def peak_memory() -> int:
    """Return the most bytes of memory this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def sha256_of_file(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal, without holding them all.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        why = "it is not there" if isinstance(error, FileNotFoundError) else reason(error)
        raise InputError(f"The file {shown(path)} cannot be read: {why}.") from error
    return digest.hexdigest()


def _describe_file(path: str | os.PathLike[str]) -> dict[str, str]:
    # Absolute, so that a run can be gone on with from another working folder.
    whole = os.path.abspath(os.fspath(path))
    return {"path": whole, "name": os.path.basename(whole), "sha256": sha256_of_file(path)}


def _describe_loss(evaluation: Evaluation) -> dict[str, float]:
    return {"total": evaluation.total, **evaluation.parts}


def _plain(value: Any) -> Any:
    """Return `value` with words in place of the numbers that JSON lacks."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
