"""``run.json``: what was run on what, with what, how long it took and how it ended."""

import contextlib
import dataclasses
import datetime
import json
import math
import os
import resource
import time
from collections.abc import Iterator, Sequence
from typing import Any

from audiostyle.audio.stuck_rows import Buzz
from audiostyle.errors import InputError
from audiostyle.files import AnyPath, read_bytes, shown
from audiostyle.optimise import Evaluation, Round
from audiostyle.run.description import misfit
from audiostyle.run.folder import RunFolder

__all__ = [
    "MANIFEST_NAME",
    "MANIFEST_SCHEMA",
    "Stopwatch",
    "peak_memory",
    "read_manifest",
    "write_manifest",
]

MANIFEST_NAME = "run.json"
#: Version of the layout of ``run.json``; a change that an older reader would misread raises it.
MANIFEST_SCHEMA = 1
# Of a round, what only the archive keeps.
_ARRAYS = ("image", "state")
# The shape of what a reader needs; a number that JSON lacks is a text.
_NOTHING = type(None)
_MANIFEST: dict[str, Any] = {
    "schema": int,
    "state": str,
    "started": str,
    "ended": str,
    "evaluations": int,
    "first_loss": (dict, _NOTHING),
    "last_loss": (dict, _NOTHING),
    "seconds_per_evaluation": (int, float, _NOTHING),
    "peak_memory_bytes": int,
}
# Bytes of the file, and of any number in it: a whole number may be too large for a float.
_LARGEST_MANIFEST, _LARGEST_NUMBER = 2**26, 1e300


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
        From :func:`audiostyle.run.description.describe_run`.
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
            {field.name: getattr(one, field.name) for field in dataclasses.fields(Round) if field.name not in _ARRAYS}
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


def read_manifest(folder: AnyPath) -> dict[str, Any]:
    """Read ``run.json``, which anybody may have written.

    Raises
    ------
    InputError
        If it is missing, is not JSON, or lacks what :func:`write_manifest` writes; and if it is of a finished run
        and its losses are not finite numbers.
    """
    path = os.path.join(os.fsdecode(folder), MANIFEST_NAME)
    content: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        content = json.loads(read_bytes(path, _LARGEST_MANIFEST))
    fault = misfit(content, _MANIFEST, "its contents")
    if fault is None and content["state"] == "finished":
        losses = [*(content["first_loss"] or {}).values(), *(content["last_loss"] or {}).values()]
        numbers = [*losses, content["seconds_per_evaluation"] or 0, content["evaluations"]]
        if not all(isinstance(one, (int, float)) and abs(one) < _LARGEST_NUMBER for one in numbers):
            fault = "a loss or a time is not a finite number"
    if fault is not None:
        raise InputError(
            f"The record {shown(path)} of a run cannot be read: {fault}; remove it, and resume the run, which writes "
            "it again."
        )
    return content


def peak_memory() -> int:
    """Return the most bytes of memory this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _describe_loss(evaluation: Evaluation) -> dict[str, float]:
    return {"total": evaluation.total, **evaluation.parts}


def _plain(value: Any) -> Any:
    """Return `value` with words in place of the numbers that JSON lacks."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
