"""What has become of a transfer, as its folder says: the archive is a batch's memory, and no engine's."""

import contextlib
import dataclasses
import fcntl
import functools
import json
import os
from pathlib import Path
from typing import Any, Literal

from audiostyle.audio.sound_writer import sound_name
from audiostyle.batch.machine import Facts, device_kind
from audiostyle.batch.plan import BatchPlan, Line, as_record
from audiostyle.errors import InputError
from audiostyle.files import read_bytes, shown
from audiostyle.run.archive import ARCHIVE_NAME, Archive
from audiostyle.run.description import fault_of_description
from audiostyle.run.folder import LOCK_NAME
from audiostyle.run.manifest import MANIFEST_NAME, read_manifest
from audiostyle.settings import Settings
from audiostyle.study.evaluate.sounds import MINIMUM_SECONDS

__all__ = ["METRICS_NAME", "FolderState", "State", "finished_rounds", "is_held", "look", "measured", "read_metrics"]

METRICS_NAME = "metrics.json"
#: ``new``: nothing is there; ``begun``: to be resumed; ``unmeasured``: finished, but for its metrics; ``failed``: the
#: run itself did; ``foreign``: another transfer's run, or one that cannot be read.
State = Literal["new", "begun", "unmeasured", "finished", "failed", "foreign"]

_LARGEST_METRICS = 2**24


@dataclasses.dataclass(frozen=True)
class FolderState:
    """What was found in a transfer's folder.

    Attributes
    ----------
    state : State
    sentence : str
        Why it failed, or why its folder cannot be used.
    """

    state: State
    sentence: str = ""


def look(batch: Path, plan: BatchPlan, line: Line, pinned: Facts | None) -> FolderState:
    """Find out what has become of a line's transfer; nothing is changed."""
    folder = batch / line.folder
    try:
        if not os.path.lexists(folder / MANIFEST_NAME):
            return FolderState("begun" if os.path.lexists(folder / ARCHIVE_NAME) else "new")
        record = read_manifest(folder)
    except InputError as error:
        return FolderState("foreign", str(error))
    settings = plan.settings(line.values)
    if difference := _difference(plan, line, settings, record, pinned):
        return FolderState(
            "foreign",
            f"The run in {shown(folder)} is another than the plan's: {difference}; move it away, and call again.",
        )
    if record["state"] == "failed":
        return FolderState("failed", str(record.get("failure")))
    if record["state"] != "finished" or len(record.get("rounds", ())) < settings.rounds:
        return FolderState("begun")
    if not os.path.isfile(folder / sound_name(settings)):
        # A resume writes it again.
        return FolderState("begun")
    metrics = read_metrics(folder)
    complete = metrics and metrics.get("signature") == line.signature
    if not complete or (measured(plan, settings) and not metrics.get("evaluation")):
        return FolderState("unmeasured")
    return FolderState("finished")


def measured(plan: BatchPlan, settings: Settings) -> bool:
    """Say whether a transfer's sound is to be measured: it may be too short for that."""
    return plan.evaluate and settings.duration >= MINIMUM_SECONDS


def read_metrics(folder: Path) -> dict[str, Any]:
    """Return what ``metrics.json`` holds, or nothing where there is none that can be read."""
    with contextlib.suppress(InputError, ValueError, RecursionError):
        content = json.loads(read_bytes(folder / METRICS_NAME, _LARGEST_METRICS))
        if isinstance(content, dict):
            return content
    return {}


def finished_rounds(folder: Path) -> int:
    """Return how many rounds a folder's archive holds; 0 where it has none that can be read."""
    with contextlib.suppress(InputError):
        return len(Archive.read(folder / ARCHIVE_NAME).rounds)
    return 0


def is_held(folder: Path) -> bool:
    """Say whether a run is going on in a folder, on this machine or, where the file system knows, on another."""
    try:
        lock = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(lock)
    return False


def _difference(plan: BatchPlan, line: Line, settings: Settings, record: dict[str, Any], pinned: Facts | None) -> str:
    """Say what the run in a folder was made with, where that is not what the plan says."""
    if fault := fault_of_description(record):
        return f"its record cannot be used ({fault})"
    inputs, weights, machine = record["inputs"], record["weights"], record["machine"]
    said = [
        f"another {role} clip"
        for role, path in (("content", line.content), ("style", line.style))
        if inputs[role]["sha256"] != plan.clips[path]
    ]
    if "start" in inputs:
        said.append("it starts where another run ended")
    if weights["file_sha256"] != plan.weights_sha256 or (
        plan.weights_sha256 is None and weights["path"] != plan.weights
    ):
        said.append("other weights")
    wanted, made = as_record(settings), _released() | record["settings"]
    said += [f"{name} {made[name]} (not {wanted[name]})" for name in wanted if made[name] != wanted[name]]
    expected: dict[str, Any] = {"threads": settings.threads}
    if settings.device != "auto":
        expected["device"] = device_kind(settings.device)
    if pinned is not None:
        expected["device"] = pinned["device"]
        if pinned["device"] == "cpu":
            fast = pinned["onednn"] and settings.float_type == "float32" and settings.convolution != "corrmm"
            named = "onednn" if settings.convolution == "auto" else settings.convolution
            expected["convolution"] = named if fast else "corrmm"
    found = {**machine, "device": device_kind(str(machine.get("device")))}
    said += [f"{name} {found.get(name)} (not {value})" for name, value in expected.items() if found.get(name) != value]
    return ", ".join(said)


@functools.cache
def _released() -> dict[str, Any]:
    return as_record(Settings())
