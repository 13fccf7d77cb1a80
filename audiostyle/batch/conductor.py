"""Conducts a batch: looks at every folder, hands out what is left to do, writes down what comes back, and when to stop.

The engine that runs the tasks is not known here: :class:`ThisProcess` runs them one after the other,
:mod:`audiostyle.batch.engine` on Dask's workers, and a test on nothing at all.
"""

import collections
import contextlib
import dataclasses
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Protocol

from audiostyle.batch.journal import Journal, last_outcomes
from audiostyle.batch.machine import Facts, machine_facts, pin, read_pin
from audiostyle.batch.plan import BatchPlan, Line, as_record
from audiostyle.batch.state import FolderState, look, measured
from audiostyle.batch.task import Hear, Outcome, Task, carry_out
from audiostyle.errors import RunError
from audiostyle.run.request import Interruption
from audiostyle.settings import Settings
from audiostyle.settings.fields import as_text

__all__ = ["BatchStopped", "Engine", "Entry", "Listener", "ThisProcess", "conduct", "survey", "transfer_command"]

# As many failures one after the other, none of them a clip's fault, are no accident.
_MOST_IN_A_ROW = 20
#: Kinds of failure that would come again, so that only --retry tries once more.
_LASTING = ("run", "crash")


class BatchStopped(RunError):
    """The batch cannot go on now; the same command goes on when the reason is gone: exit status 3."""

    exit_status = 3


@dataclasses.dataclass
class Entry:
    """A line of the plan and what has become of it.

    Attributes
    ----------
    line : Line
    found : FolderState
    event : dict
        Its last one in the journal.
    """

    line: Line
    found: FolderState
    event: dict[str, Any]

    @property
    def failure(self) -> str:
        """The sentence of a failure that lasts, or of the last try's."""
        if self.found.state in ("failed", "foreign"):
            return self.found.sentence
        failed = self.found.state != "finished" and self.event.get("event") == "failed"
        return str(self.event.get("sentence", "")) if failed else ""

    def left(self, retry: bool) -> bool:
        """Say whether there is something to do, or to try again."""
        if self.found.state in ("finished", "foreign"):
            return False
        kind = self.event.get("kind", "run" if self.found.state == "failed" else "")
        failed = self.event.get("event", "failed") == "failed" and kind in _LASTING
        return retry or not failed


class Engine(Protocol):
    """Runs tasks somewhere."""

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a function returns where tasks run."""

    def run(self, next_task: Callable[[], Task | None], hear: Hear) -> Generator[Outcome, None, None]:
        """Run tasks, as they come, until there are none, and give each outcome when it is there.

        `next_task` may give another one after it gave None, as long as outcomes are on the way.
        """


class ThisProcess:
    """The engine of one process: one task after the other, until a signal comes."""

    def __init__(self, interruption: Interruption) -> None:
        self._interruption = interruption

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call it."""
        return function(*arguments)

    def run(self, next_task: Callable[[], Task | None], hear: Hear) -> Generator[Outcome, None, None]:
        """Run tasks one by one."""
        while not self._interruption.signal and (task := next_task()) is not None:
            yield carry_out(task, hear, self._interruption)


class Listener:
    """Hears how a batch goes, and ignores it; subclasses show it."""

    def begin(self, entries: list[Entry], evaluations: Callable[[Entry], int]) -> None:
        """Hear what will be tried, and how many evaluations each has."""

    def heard(self, event: dict[str, Any]) -> None:
        """Hear of a task that begins or goes on."""

    def ended(self, outcome: Outcome) -> None:
        """Hear how a task ended."""


def survey(batch: Path, plan: BatchPlan, shard: tuple[int, int] = (1, 1)) -> list[Entry]:
    """Find out what has become of every transfer of a plan, or of every N-th; nothing is changed."""
    events, pinned = last_outcomes(batch), read_pin(batch)
    first, step = shard
    return [
        Entry(line, look(batch, plan, line, pinned), events.get(line.signature, {}))
        for line in plan.lines[first - 1 :: step]
    ]


def conduct(
    batch: Path,
    plan: BatchPlan,
    entries: list[Entry],
    engine: Engine,
    journal: Journal,
    listener: Listener,
    *,
    retry: bool = False,
    max_failures: int = 0,
    under_way: set[str] | None = None,
) -> None:
    """Run what is left of the entries; each is brought up to date.

    Parameters
    ----------
    batch : Path
        The batch's folder, with its plan.
    plan : BatchPlan
    entries : list of Entry
        From :func:`survey`.
    engine : Engine
    journal : Journal
    listener : Listener
    retry : bool
        Whether to try again what has failed for good.
    max_failures : int
        So many end the batch; 0 for no limit.
    under_way : set of str, optional
        Holds, at every moment and at the end, the signatures of tasks that were handed out and have not come back.

    Raises
    ------
    BatchStopped
        If it makes no sense to go on now.
    """
    todo = collections.deque(entry for entry in entries if entry.left(retry))
    shared = plan.shared
    pinned = read_pin(batch)
    if pinned is None:
        pinned = pin(batch, engine.call(machine_facts, shared.device, shared.threads, shared.convolution))
    by_signature = {entry.line.signature: entry for entry in entries}
    listener.begin(list(todo), lambda entry: expected_evaluations(plan.settings(entry.line.values)))
    under_way = set() if under_way is None else under_way
    count = in_a_row = 0

    def next_task() -> Task | None:
        if not todo:
            return None
        entry = todo.popleft()
        under_way.add(entry.line.signature)
        return make_task(batch, plan, entry, pinned)

    def heard(event: dict[str, Any]) -> None:
        if event.get("begun"):
            journal.add("started", event["signature"], worker=event.get("by"))
        listener.heard(event)

    with contextlib.closing(engine.run(next_task, heard)) as outcomes:
        for outcome in outcomes:
            entry = by_signature[outcome["signature"]]
            under_way.discard(outcome["signature"])
            entry.event = dict(outcome)
            journal.add(**outcome)
            listener.ended(outcome)
            kind = outcome.get("kind", "")
            entry.found = look(batch, plan, entry.line, pinned)
            if outcome["event"] == "interrupted":
                todo.append(entry)
                continue
            if outcome["event"] == "finished":
                in_a_row = 0
                continue
            if kind in ("disk", "machine", "lost"):
                raise BatchStopped(f"{outcome['sentence']} The batch was stopped; the same command goes on with it.")
            count += kind != "busy"
            in_a_row += kind in _LASTING
            if max_failures and count >= max_failures:
                raise BatchStopped(
                    f"{count} transfers have failed, and --max-failures is {max_failures}; the last one: "
                    f"{outcome['sentence']}"
                )
            if in_a_row >= _MOST_IN_A_ROW:
                raise BatchStopped(
                    f"{in_a_row} transfers have failed one after the other, the last one because: "
                    f"{outcome['sentence']} The batch was stopped; the same command with --retry goes on with it."
                )


def expected_evaluations(settings: Settings) -> int:
    """Return about how many evaluations a transfer takes: L-BFGS ends at the first line search past its limit."""
    return settings.rounds * (settings.max_evaluations + 1)


def make_task(batch: Path, plan: BatchPlan, entry: Entry, pinned: Facts) -> Task:
    """Return all that a worker must know of a transfer."""
    line = entry.line
    settings = plan.settings(line.values)
    record = as_record(settings) | {name: getattr(settings, name) for name in ("device", "convolution", "threads")}
    return {
        "signature": line.signature,
        "batch": os.fspath(batch),
        "folder": os.fspath(batch / line.folder),
        "content": line.content,
        "style": line.style,
        "clips": {"content": plan.clips[line.content], "style": plan.clips[line.style]},
        "weights": plan.weights,
        "weights_sha256": plan.weights_sha256,
        "settings": record,
        "run": entry.found.state != "unmeasured",
        "evaluate": measured(plan, settings),
        "keep": plan.keep,
        "pictures": plan.pictures,
        "pinned": pinned,
        "command_line": transfer_command(batch, plan, line),
    }


def transfer_command(batch: Path, plan: BatchPlan, line: Line) -> list[str]:
    """Return the command that makes a transfer by itself, in the place where the batch finds it."""
    settings, released = plan.settings(line.values), Settings()
    changed = [f"{name}={as_text(value)}" for name, value in vars(settings).items() if value != getattr(released, name)]
    options = [word for one in changed for word in ("--set", one)]
    clips = [line.content, line.style, "--weights", plan.weights]
    return ["audiostyle", "transfer", *clips, *options, "-o", os.fspath(batch / line.folder)]
