"""One transfer of a batch, wherever it runs: plain dictionaries in and out, and nothing that belongs to an engine."""

import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiostyle.batch.machine import WrongMachine, check_machine, machine_facts
from audiostyle.batch.state import METRICS_NAME, finished_rounds, is_held, read_metrics
from audiostyle.cache import cache_folder
from audiostyle.errors import AudioStyleError, DiskError, FolderBusy, InputError, RunError, WriteFailed
from audiostyle.files import reason, sha256_of_file, shown, write_bytes
from audiostyle.run.archive import ARCHIVE_NAME
from audiostyle.run.manifest import read_manifest
from audiostyle.run.request import Interruption, Reporter, Request
from audiostyle.settings import Settings

if TYPE_CHECKING:
    from audiostyle.optimise import Evaluation
    from audiostyle.weights.load import Weights

__all__ = ["Hear", "Outcome", "Task", "carry_out", "forget"]

Task = Mapping[str, Any]
Outcome = dict[str, Any]
Hear = Callable[[dict[str, Any]], None]

METRICS_SCHEMA = "audiostyle-batch-metrics/1"
# How often whoever conducts the batch hears of evaluations.
_SECONDS_BETWEEN_REPORTS = 2.0
# A process that lost its scheduler may go on for half a minute with what another one is to do.
_PATIENCE, _LOOK_AGAIN = 60.0, 2.0
# A transfer that ends its process as often without finishing another round is not tried again.
_MOST_DEATHS = 3


class _Deadly(RunError):
    """The transfer ended its process each time that it was tried."""


# The first that fits says what kind of failure an exception is.  "input" is tried again by the next call, "busy" is
# somebody else's, "disk" and "machine" stop the batch, for the next transfer would fare no better; "run" and "crash"
# would fail again.
_KINDS: tuple[tuple[type[AudioStyleError], str], ...] = (
    (FolderBusy, "busy"),
    (DiskError, "disk"),
    (WrongMachine, "machine"),
    (_Deadly, "crash"),
    (InputError, "input"),
    (RunError, "run"),
)


def carry_out(task: Task, hear: Hear, interruption: Interruption) -> Outcome:
    """Carry out a task, or what is left of it, and say how it ended; only KeyboardInterrupt is raised.

    Parameters
    ----------
    task : mapping
        As :func:`audiostyle.batch.conductor.make_task` makes it.
    hear : callable
        Gets a dictionary when the task begins, and now and then with the number of evaluations.
    interruption : Interruption
        Its ``signal`` ends the transfer after the evaluation that is going on.

    Returns
    -------
    dict
        ``signature``; ``event``: ``finished``, ``interrupted`` or ``failed``; then ``kind`` and ``sentence``; and
        ``seconds``, ``worker``, ``warnings``.
    """
    started = time.monotonic()
    reporter = _TaskReporter(task["signature"], hear)
    outcome: Outcome = {"signature": task["signature"], "event": "finished", "worker": _worker()}
    hear({"signature": task["signature"], "begun": True, "by": _worker()})
    try:
        interrupted = _work(task, reporter, interruption)
        outcome |= {"event": "interrupted"} if interrupted else {}
    except AudioStyleError as error:
        kind = next(kind for of, kind in _KINDS if isinstance(error, of))
        outcome |= {"event": "failed", "kind": kind, "sentence": str(error)}
    except Exception as error:
        outcome |= {"event": "failed", **_unexpected(error)}
    return outcome | {"seconds": round(time.monotonic() - started, 1), "warnings": reporter.warnings}


def forget(batch: Path, signatures: Iterable[str]) -> None:
    """Take back that tasks ended their processes: it was whoever conducts the batch that ended them."""
    for signature in signatures:
        with contextlib.suppress(OSError):
            _note(batch, signature).unlink()


def _note(batch: Path, signature: str) -> Path:
    return batch / "running" / f"{signature}.json"


def _work(task: Task, reporter: "_TaskReporter", interruption: Interruption) -> int:
    """Do it, and return the number of the signal that ended it early, or 0."""
    from audiostyle.run.job import run_transfer

    settings = Settings.from_record(task["settings"])
    folder = Path(task["folder"])
    if interruption.signal:
        return interruption.signal
    if _is_complete(task, folder, settings):
        # Another one did it, or this one, whose answer was lost with its process.
        return 0
    check_machine(task["pinned"], machine_facts(settings.device, settings.threads, settings.convolution))
    for role in ("content", "style"):
        if sha256_of_file(task[role]) != task["clips"][role]:
            raise InputError(
                f"The {role} {shown(task[role])} is not the clip any more that the batch was planned with; put it "
                "back, or plan anew with the table of pairs."
            )
    _wait_for(folder, interruption)
    with _remembered(task, folder):
        if task["run"] and not _is_finished(folder, settings):
            request = Request(
                task["content"],
                task["style"],
                task["weights"],
                os.fspath(folder),
                settings,
                resume=os.path.lexists(folder / ARCHIVE_NAME),
                command_line=tuple(task["command_line"]),
                keep=task["keep"],
                pictures=task["pictures"],
            )
            interruption.results = False
            load = functools.partial(_weights, task["weights_sha256"])
            outcome = run_transfer(request, reporter, interruption, _objective, load)
            if outcome.signal:
                return outcome.signal
        _measure(task, folder, settings)
    return 0


def _is_complete(task: Task, folder: Path, settings: Settings) -> bool:
    metrics = read_metrics(folder)
    right = metrics.get("signature") == task["signature"] and bool(metrics.get("evaluation")) >= task["evaluate"]
    return right and _is_finished(folder, settings)


def _is_finished(folder: Path, settings: Settings) -> bool:
    from audiostyle.audio.sound_writer import sound_name

    try:
        record = read_manifest(folder)
    except InputError:
        return False
    right = record["state"] == "finished" and len(record.get("rounds", ())) >= settings.rounds
    return right and (folder / sound_name(settings)).is_file()


def _measure(task: Task, folder: Path, settings: Settings) -> None:
    """Write the metrics of a finished run, and the SHA-256 of its sound."""
    from audiostyle.audio.sound_writer import sound_name
    from audiostyle.study.evaluate.measured_files import evaluate_files
    from audiostyle.study.evaluate.tables import as_document

    sound = folder / sound_name(settings)
    content: dict[str, Any] = {
        "schema": METRICS_SCHEMA,
        "signature": task["signature"],
        "output": {"name": sound.name, "sha256": sha256_of_file(sound)},
        "evaluation": None,
    }
    if task["evaluate"]:
        measurements = evaluate_files(task["content"], task["style"], [str(sound)], settings, inversion=False)
        content["evaluation"] = as_document(measurements)
    write_bytes(folder / METRICS_NAME, (json.dumps(content, indent=1) + "\n").encode(), "The metrics")


class _TaskReporter(Reporter):
    """Counts evaluations, and passes the number on now and then."""

    def __init__(self, signature: str, hear: Hear) -> None:
        self.warnings: list[str] = []
        self._signature, self._hear = signature, hear
        self._count, self._said = 0, time.monotonic()

    def descent(self, settings: Settings, first_round: int, seconds_per_evaluation: float) -> None:
        self._count = (first_round - 1) * (settings.max_evaluations + 1)
        self._tell(found=self._count)

    def evaluation(self, evaluation: "Evaluation") -> None:
        self._count += 1
        if time.monotonic() - self._said >= _SECONDS_BETWEEN_REPORTS:
            self._tell()

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def _tell(self, **more: int) -> None:
        self._said = time.monotonic()
        self._hear({"signature": self._signature, "evaluations": self._count, **more})


def _wait_for(folder: Path, interruption: Interruption) -> None:
    """Wait for a while where another process still has the folder."""
    end = time.monotonic() + _PATIENCE
    while is_held(folder) and time.monotonic() < end and not interruption.signal:
        time.sleep(_LOOK_AGAIN)
    if is_held(folder):
        raise FolderBusy(f"Another run is writing to {shown(folder)}; it is left to that one.")


@contextlib.contextmanager
def _remembered(task: Task, folder: Path) -> Iterator[None]:
    """Leave a note while a task is at work: where it is still there, the process ended in the midst of it.

    Raises
    ------
    _Deadly
        If that has happened too often without a round in between.
    """
    note = _note(Path(task["batch"]), task["signature"])
    rounds, deaths = finished_rounds(folder), 0
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        before = json.loads(note.read_text())
        # A round in between is progress: then the machine was taken away, or its time was over.
        deaths = before["deaths"] + 1 if before["rounds"] >= rounds else 0
    try:
        if deaths >= _MOST_DEATHS:
            raise _Deadly(
                f"Its process ended in the midst of it {deaths} times ({_worker()} last), with no more round finished: "
                "a crash, or too little memory; --retry tries again."
            )
        try:
            note.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise WriteFailed(f"The folder {shown(note.parent)} cannot be made: {reason(error)}.") from error
        content = {"worker": _worker(), "rounds": rounds, "deaths": deaths}
        write_bytes(note, (json.dumps(content) + "\n").encode(), "A note of what is running")
        yield
    finally:
        with contextlib.suppress(OSError):
            note.unlink()


def _worker() -> str:
    return f"{platform.node()}:{os.getpid()}"


@functools.lru_cache(maxsize=1)
def _loaded(path: str, threads: int) -> "Weights":
    from audiostyle.weights.load import load_weights

    return load_weights(path, threads)


def _weights(sha256: str | None, path: str, threads: int) -> "Weights":
    """Load weights once for all tasks of a process."""
    weights = _loaded(path, threads)
    if weights.file_sha256 != sha256:
        raise WrongMachine(
            f"The weights {shown(path)} on {platform.node()} are not those that the batch was planned with; put those "
            "there."
        )
    return weights


class _LastObjective:
    """The network of the last task, which the next one may use too: a seed changes nothing of it."""

    key = ""
    objective: Any = None


def _objective(content: Any, style: Any, weights: "Weights", settings: Settings) -> Any:
    """Return the function to minimise, that of the task before where it is the same."""
    from audiostyle.api import make_objective

    same = dataclasses.asdict(dataclasses.replace(settings, seed=0, iterations=0))
    digest = hashlib.sha256(f"{weights.sha256}{same}{content.shape}".encode())
    digest.update(content.tobytes())
    digest.update(style.tobytes())
    if digest.hexdigest() != _LastObjective.key:
        # Two at the same time would not fit where one does.
        _LastObjective.key, _LastObjective.objective = "", None
        with _once_a_machine(settings):
            _LastObjective.objective = make_objective(content, style, weights, settings)
        _LastObjective.key = digest.hexdigest()
    return _LastObjective.objective


@contextlib.contextmanager
def _once_a_machine(settings: Settings) -> Iterator[None]:
    """Let one process compile a network for the first time, while the others wait to find it compiled.

    Theano lets them compile in turns, function by function, with pauses of 5 to 10 s in between.
    """
    from audiostyle.network.start import start_theano
    from audiostyle.network.terms import loss_terms
    from audiostyle.network.theano_cache import is_cold

    compiled = start_theano(settings.device, settings.threads).compile_cache
    terms = [(term.name, term.weight > 0) for term in loss_terms(settings)]
    kind = compiled, settings.float_type, settings.convolution, settings.pooling, terms
    folder = cache_folder("warm")
    mark = folder / hashlib.sha256(repr(kind).encode()).hexdigest()[:16]
    if mark.exists() and not is_cold(compiled):
        yield
        return
    with open(folder / "lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
        mark.touch()


def _unexpected(error: Exception) -> Outcome:
    """Describe an error that no sentence was written for."""
    sentence = ""
    if "theano" in sys.modules:
        from audiostyle.network.start import compile_folder
        from audiostyle.network.theano_cache import disk_trouble

        sentence = disk_trouble(error, compile_folder())
    if sentence:
        return {"kind": "disk", "sentence": sentence}
    import traceback

    last = traceback.extract_tb(error.__traceback__)[-1]
    words = " ".join(str(error).split())[:200]
    where = f"{Path(last.filename).name}:{last.lineno}"
    return {"kind": "run", "sentence": f"An error that was not expected: {type(error).__name__}: {words} ({where})."}
