"""What happened to each transfer and when: a line of JSON an event, added by whoever conducts the batch.

It is for people, and for what no folder can tell: that a transfer failed before it had one, or killed its process.
"""

import datetime
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from audiostyle.errors import WriteFailed
from audiostyle.files import reason, shown

__all__ = ["Journal", "last_outcomes", "read_events"]

_PATTERN = "journal*.jsonl"


class Journal:
    """Adds events to a batch's journal; each is on the disk when :meth:`add` returns.

    Parameters
    ----------
    folder : Path
        The batch's.
    part : str
        Of a shard, which has a file of its own: two machines cannot add to one without losing lines.
    """

    def __init__(self, folder: Path, part: str = "") -> None:
        self._path = folder / f"journal{'.' * bool(part)}{part}.jsonl"
        self._descriptor: int | None = None

    def add(self, event: str, signature: str = "", **facts: Any) -> None:
        """Add an event; the file is made by the first one."""
        now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        entry = {"time": now, "event": event, "signature": signature, **facts}
        data = json.dumps({name: value for name, value in entry.items() if value not in (None, "", [])})
        try:
            if self._descriptor is None:
                flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
                self._descriptor = os.open(self._path, flags, 0o666)
                self._end_torn_line()
            os.write(self._descriptor, data.encode() + b"\n")
            os.fsync(self._descriptor)
        except OSError as error:
            raise WriteFailed(f"The journal could not be written to {shown(self._path)}: {reason(error)}.") from error

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _end_torn_line(self) -> None:
        """A crash may have left a line without its end, which the next one must not be part of."""
        assert self._descriptor is not None
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            os.write(self._descriptor, b"\n")


def read_events(folder: Path) -> Iterator[dict[str, Any]]:
    """Return the events of all parts of the journal, each part in its order; what is no event is passed over."""
    for path in sorted(folder.glob(_PATTERN)):
        if not path.is_file():
            continue
        with path.open("rb") as lines:
            for line in lines:
                try:
                    event = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(event, dict) and isinstance(event.get("event"), str):
                    yield event


def last_outcomes(folder: Path) -> dict[str, dict[str, Any]]:
    """Return, for each signature, the last event that says how its transfer ended."""
    last: dict[str, dict[str, Any]] = {}
    for event in read_events(folder):
        if event["event"] in ("finished", "interrupted", "failed") and isinstance(event.get("signature"), str):
            before = last.get(event["signature"])
            # Of two shards' the later one; the times of one part are in order.
            if before is None or str(event.get("time", "")) >= str(before.get("time", "")):
                last[event["signature"]] = event
    return last
