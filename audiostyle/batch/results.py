"""All that a batch writes of its results, in one call."""

from collections.abc import Sequence
from pathlib import Path

from audiostyle.batch.conductor import Entry
from audiostyle.batch.plan import BatchPlan
from audiostyle.batch.report import write_report
from audiostyle.batch.table import group_results, read_results, write_failed, write_labels, write_results

__all__ = ["write_all"]


def write_all(batch: Path, plan: BatchPlan, entries: Sequence[Entry]) -> None:
    """Write tables and report; a file whose bytes would be the same is not touched."""
    numbers = write_results(batch, plan, entries)
    groups = group_results(read_results(batch, plan, entries), plan, numbers)
    write_labels(batch, plan, groups)
    write_failed(batch, plan, entries)
    write_report(batch, plan, entries, read_results(batch, plan, entries), numbers, groups)
