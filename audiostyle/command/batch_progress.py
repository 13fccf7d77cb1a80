"""What a batch shows: its plan, one line of progress over all evaluations, its state, and how it ended."""

import collections
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from audiostyle.batch.conductor import Entry, Listener, expected_evaluations
from audiostyle.batch.plan import BatchPlan
from audiostyle.batch.task import Outcome
from audiostyle.command.progress import duration_text
from audiostyle.command.terminal import Unheeded, counted, printable, tell
from audiostyle.invocation import invocation

__all__ = ["BatchProgress", "tell_plan", "tell_status", "tell_summary"]

# Processor seconds of an evaluation for each pixel, and of what is before and after a descent (docs/performance.md).
_PER_PIXEL, _ASIDE = 2.9e-6, 12.0
# Bytes of a run beside its images, and of the pictures.
_TABLES, _PICTURES = 1.0e6, 4.0e6
_FAILURES_SHOWN = 10
_SECONDS_BETWEEN_LINES = 60.0


def tell_plan(folder: Path, plan: BatchPlan, entries: Sequence[Entry], retry: bool) -> tuple[float, float]:
    """Say what will be done and about what it takes; return processor hours and bytes.

    Raises
    ------
    InputError
        If a transfer's settings lead to no image.
    """
    from audiostyle.audio.representation import image_shape
    from audiostyle.run.estimate import estimate_memory

    left = [entry for entry in entries if entry.left(retry)]
    kinds = collections.Counter(plan.settings(entry.line.values) for entry in left)
    seconds = disk = 0.0
    memory = evaluations = 0
    for settings, count in kinds.items():
        height, width = image_shape(settings)
        words = 2 if settings.float_type == "float64" else 1
        each = expected_evaluations(settings)
        evaluations += count * each
        seconds += count * (each * height * width * _PER_PIXEL * words + _ASIDE)
        image = 12 * words * height * width
        images = settings.rounds + 1 if plan.keep == "all" else 2
        sound = settings.duration * settings.sample_rate * 2
        disk += count * (image * images + sound + _TABLES + plan.pictures * _PICTURES)
        memory = max(memory, estimate_memory((height, width), settings))
    states = collections.Counter(entry.found.state for entry in entries)
    done = states["finished"]
    tell(
        f"transfers {len(entries)}: {done} finished, {states['begun'] + states['unmeasured']} begun, "
        f"{sum(bool(entry.failure) for entry in entries)} failed, {len(left)} to do",
        f"work      {counted(evaluations, 'evaluation')}, about {seconds / 3600:.1f} hours of one core, as far as that "
        "can be said beforehand",
        f"needs     {disk / 1e9:.1f} GB of disk, {memory / 2**30:.1f} GiB of memory for each worker",
        f"weights   {plan.weights}",
        f"results   {folder}",
    )
    if plan.varying:
        tell(f"varying   {', '.join(plan.varying)}")
    return seconds / 3600, disk


def tell_status(folder: Path, plan: BatchPlan, entries: Sequence[Entry]) -> None:
    """Say what has become of a batch."""
    states = _counted_states(entries)
    running = [path.stem for path in (folder / "running").glob("*.json")]
    words = {"finished": "finished", "unmeasured": "finished but for metrics", "begun": "begun", "new": "not begun",
             "failed": "failed"}  # fmt: skip
    tell(*(f"{states[state]:>8} {text}" for state, text in words.items()), f"{len(running):>8} running")
    _tell_failures(entries)
    tell(f"{folder / 'results.csv'} has all that is finished.")


def tell_summary(folder: Path, entries: Sequence[Entry]) -> None:
    """Say how a batch ended."""
    states = _counted_states(entries)
    left = states["begun"] + states["new"] + states["unmeasured"]
    tell(
        f"{states['finished']} of {counted(len(entries), 'transfer')} finished, {states['failed']} failed, {left} left."
    )
    _tell_failures(entries)
    if (folder / "report.html").exists():
        tell(f"Open {folder / 'report.html'}; results.csv and labels.csv beside it have the numbers.")
    elif states["finished"]:
        tell(f"{invocation('batch')} {shlex.quote(str(folder))} --status writes the tables and the report.")


def _counted_states(entries: Sequence[Entry]) -> collections.Counter[str]:
    return collections.Counter("failed" if entry.failure else entry.found.state for entry in entries)


def _tell_failures(entries: Sequence[Entry]) -> None:
    failed = [entry for entry in entries if entry.failure]
    tell(*(f"failed: {entry.line.name}: {entry.failure}" for entry in failed[:_FAILURES_SHOWN]))
    if failed:
        more = f"{len(failed) - _FAILURES_SHOWN} more, and " if len(failed) > _FAILURES_SHOWN else ""
        tell(f"({more}the commands that run them alone, in failed.csv)")


class BatchProgress(Listener):
    """One bar over the evaluations of all transfers; a line a minute where there is no terminal."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._terminal = sys.stderr.isatty()
        self._expected: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._running: dict[str, int] = {}
        # What was done before this batch went on: of the work, but not of the pace.
        self._found: dict[str, int] = {}
        self._counts: collections.Counter[str] = collections.Counter()
        self._done = self._total = 0
        self._started = self._said = time.monotonic()

    def __enter__(self) -> "BatchProgress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def begin(self, entries: list[Entry], evaluations: Callable[[Entry], int]) -> None:
        """Open the bar."""
        self._expected = {entry.line.signature: evaluations(entry) for entry in entries}
        self._names = {entry.line.signature: entry.line.name for entry in entries}
        unmeasured = {entry.line.signature for entry in entries if entry.found.state == "unmeasured"}
        self._found = {signature: self._expected[signature] for signature in unmeasured}
        self._total = sum(self._expected.values())
        self._started = self._said = time.monotonic()
        if self._terminal:
            import tqdm

            self._bar = tqdm.tqdm(
                total=self._total, unit="eval", dynamic_ncols=True, smoothing=0, file=Unheeded(sys.stderr)
            )

    def heard(self, event: dict[str, Any]) -> None:
        """Advance the bar by what a task has done."""
        signature = event["signature"]
        if event.get("begun"):
            self._running[signature] = 0
        elif signature in self._running:
            expected = self._expected.get(signature, 0)
            self._running[signature] = min(int(event.get("evaluations", 0)), expected)
            if "found" in event:
                self._found.setdefault(signature, min(int(event["found"]), expected))
        self._show()

    def ended(self, outcome: Outcome) -> None:
        """Count a task that ended, and say why if it failed."""
        signature = outcome["signature"]
        self._running.pop(signature, None)
        if outcome["event"] != "interrupted":
            self._done += self._expected.get(signature, 0)
            self._counts[outcome["event"]] += 1
        if outcome["event"] == "failed":
            text = f"audiostyle: {self._names.get(signature, signature[:12])} failed: {outcome['sentence']}"
            if self._bar is not None:
                self._bar.write(printable(text), file=Unheeded(sys.stderr))
            else:
                tell(text, stream=sys.stderr)
        self._show(last=self._counts.total() == len(self._expected))

    def _show(self, last: bool = False) -> None:
        done = self._done + sum(self._running.values())
        if self._bar is not None:
            self._bar.n, self._bar.initial = done, sum(self._found.values())
            self._bar.set_postfix_str(self._words(done), refresh=False)
            self._bar.update(0)
            self._bar.refresh()
        elif last or time.monotonic() - self._said >= _SECONDS_BETWEEN_LINES:
            self._said = time.monotonic()
            share = f"{100 * done / self._total:.0f} %, " if self._total else ""
            tell(f"{share}{self._words(done)}")

    def _words(self, done: int) -> str:
        seconds = time.monotonic() - self._started
        ended = self._counts.total()
        made = done - sum(self._found.values())
        left = duration_text(seconds / made * (self._total - done)) if made > 0 else "?"
        return (
            f"{self._counts['finished']}/{len(self._expected)} done, {self._counts['failed']} failed, "
            f"{len(self._running)} running, {ended / max(seconds, 1) * 3600:.1f}/h, {left} left"
        )
